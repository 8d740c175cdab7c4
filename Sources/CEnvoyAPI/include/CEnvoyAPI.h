// SPDX-License-Identifier: Apache-2.0
// The descriptors of every message that proto/generate_envoy.py made, sorted by name.
#ifndef NAVARCH_CENVOYAPI_H
#define NAVARCH_CENVOYAPI_H
#include <protobuf-c/protobuf-c.h>

extern const ProtobufCMessageDescriptor *const cenvoyapi_messages[];
extern const int cenvoyapi_message_count;

static inline const ProtobufCMessageDescriptor *cenvoyapi_message(int index) {
  return cenvoyapi_messages[index];
}

#endif
