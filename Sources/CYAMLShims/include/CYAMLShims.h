// SPDX-License-Identifier: Apache-2.0
// libyaml's events without its unions and anonymous structs, which Swift imports badly.
#ifndef CYAML_SHIMS_H
#define CYAML_SHIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A parser, its current event, and the error that ended it.
typedef struct cyamlshims_parser cyamlshims_parser;

typedef enum {
  cyamlshims_end = 0,  ///< the end of the stream
  cyamlshims_other,    ///< the beginning of the stream, or the end of a document
  cyamlshims_document,
  cyamlshims_alias,
  cyamlshims_scalar,
  cyamlshims_sequence,
  cyamlshims_mapping,
  cyamlshims_close,  ///< the end of a sequence or of a mapping
  cyamlshims_failed,
} cyamlshims_kind;

/// One event; its pointers live until the next one is asked for. Lines and columns from 0.
typedef struct {
  cyamlshims_kind kind;
  size_t line;
  size_t column;
  const char *anchor;    ///< of an alias its target; may be NULL
  const char *tag;       ///< may be NULL
  const uint8_t *value;  ///< of a scalar
  size_t length;
  bool plain;  ///< of a scalar: without quotes, not a block
  const char *problem;  ///< of a failure
  const char *context;  ///< of a failure; may be NULL
  ptrdiff_t offset;     ///< of a failure in the bytes themselves: where; else -1
} cyamlshims_event;

/// A parser over UTF-8 `bytes`, which must outlive it; NULL without memory.
cyamlshims_parser *cyamlshims_parser_new(const uint8_t *bytes, size_t count);
/// The next event.
cyamlshims_event cyamlshims_parser_next(cyamlshims_parser *parser);
/// Frees the parser and its current event.
void cyamlshims_parser_free(cyamlshims_parser *parser);

#endif
