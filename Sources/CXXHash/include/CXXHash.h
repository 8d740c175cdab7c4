// SPDX-License-Identifier: Apache-2.0
#ifndef NAVARCH_CXXHASH_H
#define NAVARCH_CXXHASH_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t low, high;
} cxxhash_digest;

/// XXH3-128 of `length` bytes at `data`.
cxxhash_digest cxxhash_xxh3_128(const void *data, size_t length);

#endif
