// SPDX-License-Identifier: Apache-2.0
// What Swift cannot import: gRPC's macros over the slice's union, and a GNU extension.
#ifndef NAVARCH_CGRPC_SHIMS_H
#define NAVARCH_CGRPC_SHIMS_H
// Before gRPC defines _GNU_SOURCE: the C library's types must be those of module Glibc.
#include <features.h>
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

/// The address of the first byte of a slice, which must outlive its use (it may be inlined).
static inline const uint8_t *cgrpc_slice_start(const grpc_slice *slice) {
  return GRPC_SLICE_START_PTR(*slice);
}

/// The number of bytes of a slice.
static inline size_t cgrpc_slice_length(const grpc_slice *slice) {
  return GRPC_SLICE_LENGTH(*slice);
}

/// Whether a message's bytes are still compressed.
static inline int cgrpc_is_compressed(const grpc_byte_buffer *buffer) {
  return buffer->data.raw.compression != GRPC_COMPRESS_NONE;
}

/// Names the calling thread (15 bytes at most), for debuggers and `top`.
void cgrpc_name_thread(const char *name);

#endif
