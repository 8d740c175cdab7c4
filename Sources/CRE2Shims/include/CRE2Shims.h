// SPDX-License-Identifier: Apache-2.0
// RE2, a C++ library, for callers of C.
#ifndef CRE2_SHIMS_H
#define CRE2_SHIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled expression, or why it is none. Immutable: any thread may use it.
typedef struct cre2shims_regex cre2shims_regex;

/// Compiles a pattern within `max_memory` bytes; NULL without memory.
cre2shims_regex *cre2shims_compile(const uint8_t *pattern, size_t length, int64_t max_memory);
/// What is wrong with the pattern; NULL if nothing is. Lives as long as the expression.
const char *cre2shims_error(const cre2shims_regex *regex);
/// Whether the whole text (`full`) or a part of it matches.
bool cre2shims_matches(
    const cre2shims_regex *regex, const uint8_t *text, size_t length, bool full);
/// The number of capturing groups.
int cre2shims_group_count(const cre2shims_regex *regex);
/// The number of instructions of the program, which Envoy limits.
int cre2shims_program_size(const cre2shims_regex *regex);
/// Frees an expression.
void cre2shims_free(cre2shims_regex *regex);
/// A pattern that matches the text itself; to be freed with `free`. NULL without memory.
char *cre2shims_quote(const uint8_t *text, size_t length, size_t *quoted_length);

#ifdef __cplusplus
}
#endif

#endif
