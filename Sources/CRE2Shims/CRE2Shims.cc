// SPDX-License-Identifier: Apache-2.0
#include "CRE2Shims.h"

#include <re2/re2.h>

#include <cstdlib>
#include <cstring>
#include <new>

struct cre2shims_regex {
  re2::RE2 regex;
  cre2shims_regex(const re2::StringPiece &pattern, const re2::RE2::Options &options)
      : regex(pattern, options) {}
};

static re2::StringPiece piece(const uint8_t *bytes, size_t length) {
  return re2::StringPiece(reinterpret_cast<const char *>(bytes), length);
}

cre2shims_regex *cre2shims_compile(const uint8_t *pattern, size_t length, int64_t max_memory) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(max_memory);
  return new (std::nothrow) cre2shims_regex(piece(pattern, length), options);
}

const char *cre2shims_error(const cre2shims_regex *regex) {
  return regex->regex.ok() ? nullptr : regex->regex.error().c_str();
}

bool cre2shims_matches(
    const cre2shims_regex *regex, const uint8_t *text, size_t length, bool full) {
  const auto anchor = full ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED;
  return regex->regex.Match(piece(text, length), 0, length, anchor, nullptr, 0);
}

int cre2shims_group_count(const cre2shims_regex *regex) {
  return regex->regex.NumberOfCapturingGroups();
}

int cre2shims_program_size(const cre2shims_regex *regex) { return regex->regex.ProgramSize(); }

void cre2shims_free(cre2shims_regex *regex) { delete regex; }

char *cre2shims_quote(const uint8_t *text, size_t length, size_t *quoted_length) {
  const std::string quoted = re2::RE2::QuoteMeta(piece(text, length));
  char *copy = static_cast<char *>(std::malloc(quoted.size() + 1));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, quoted.c_str(), quoted.size() + 1);
  *quoted_length = quoted.size();
  return copy;
}
