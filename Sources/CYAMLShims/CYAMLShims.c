// SPDX-License-Identifier: Apache-2.0
#include "CYAMLShims.h"

#include <stdlib.h>
#include <yaml.h>

struct cyamlshims_parser {
  yaml_parser_t parser;
  yaml_event_t event;
};

cyamlshims_parser *cyamlshims_parser_new(const uint8_t *bytes, size_t count) {
  cyamlshims_parser *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  if (!yaml_parser_initialize(&self->parser)) {
    free(self);
    return NULL;
  }
  yaml_parser_set_encoding(&self->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&self->parser, bytes, count);
  return self;
}

static cyamlshims_event failure(const yaml_parser_t *parser) {
  cyamlshims_event out = {.kind = cyamlshims_failed, .offset = -1};
  out.problem = parser->problem != NULL ? parser->problem : "out of memory";
  out.context = parser->context;
  out.line = parser->problem_mark.line;
  out.column = parser->problem_mark.column;
  if (parser->error == YAML_READER_ERROR) out.offset = (ptrdiff_t)parser->problem_offset;
  return out;
}

cyamlshims_event cyamlshims_parser_next(cyamlshims_parser *self) {
  yaml_event_t *event = &self->event;
  yaml_event_delete(event);
  if (!yaml_parser_parse(&self->parser, event)) return failure(&self->parser);
  cyamlshims_event out = {.kind = cyamlshims_other, .offset = -1};
  out.line = event->start_mark.line;
  out.column = event->start_mark.column;
  switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_END_EVENT:
      out.kind = cyamlshims_end;
      break;
    case YAML_DOCUMENT_START_EVENT:
      out.kind = cyamlshims_document;
      break;
    case YAML_ALIAS_EVENT:
      out.kind = cyamlshims_alias;
      out.anchor = (const char *)event->data.alias.anchor;
      break;
    case YAML_SCALAR_EVENT:
      out.kind = cyamlshims_scalar;
      out.anchor = (const char *)event->data.scalar.anchor;
      out.tag = (const char *)event->data.scalar.tag;
      out.value = event->data.scalar.value;
      out.length = event->data.scalar.length;
      out.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
      break;
    case YAML_SEQUENCE_START_EVENT:
      out.kind = cyamlshims_sequence;
      out.anchor = (const char *)event->data.sequence_start.anchor;
      out.tag = (const char *)event->data.sequence_start.tag;
      break;
    case YAML_MAPPING_START_EVENT:
      out.kind = cyamlshims_mapping;
      out.anchor = (const char *)event->data.mapping_start.anchor;
      out.tag = (const char *)event->data.mapping_start.tag;
      break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      out.kind = cyamlshims_close;
      break;
    default:
      break;
  }
  return out;
}

void cyamlshims_parser_free(cyamlshims_parser *self) {
  yaml_event_delete(&self->event);
  yaml_parser_delete(&self->parser);
  free(self);
}
