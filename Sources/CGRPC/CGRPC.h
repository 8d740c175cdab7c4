// SPDX-License-Identifier: Apache-2.0
#ifndef NAVARCH_CGRPC_H
#define NAVARCH_CGRPC_H
// Before gRPC defines _GNU_SOURCE: the C library's types must be those of module Glibc.
#include <features.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#endif
