// SPDX-License-Identifier: Apache-2.0
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "CXXHash.h"

cxxhash_digest cxxhash_xxh3_128(const void *data, size_t length) {
  XXH128_hash_t h = XXH3_128bits(data, length);
  return (cxxhash_digest){h.low64, h.high64};
}
