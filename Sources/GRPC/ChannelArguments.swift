// SPDX-License-Identifier: Apache-2.0
//
// Owner: the texts live for the length of `withChannelArguments`; gRPC copies them.

import CGRPC
import Glibc

/// One of gRPC's settings, by the name that the core's headers give it.
enum ChannelArgument: Sendable {
  case number(String, Int32)
  case text(String, String)

  var name: String {
    switch self {
    case .number(let name, _), .text(let name, _): name
    }
  }

  static func integer(_ name: String, _ value: Int32) -> ChannelArgument? { .number(name, value) }

  static func size(_ name: String, _ value: Int?) -> ChannelArgument? {
    value.map { .number(name, Int32(clamping: $0)) }
  }

  static func milliseconds(_ name: String, _ value: Duration?) -> ChannelArgument? {
    value.map { .number(name, Int32(clamping: Int64($0 / .milliseconds(1)))) }
  }

  /// The C form, whose texts the caller frees with ``free(_:)``.
  fileprivate var raw: grpc_arg {
    var argument = grpc_arg()
    switch self {
    case .number(let name, let value):
      argument.type = GRPC_ARG_INTEGER
      argument.key = strdup(name)
      argument.value.integer = value
    case .text(let name, let value):
      argument.type = GRPC_ARG_STRING
      argument.key = strdup(name)
      argument.value.string = strdup(value)
    }
    return argument
  }

  fileprivate static func release(_ argument: grpc_arg) {
    free(argument.key)
    if argument.type == GRPC_ARG_STRING { free(argument.value.string) }
  }
}

/// Lends settings in C's form for the length of a call.
func withChannelArguments<R>(
  _ arguments: [ChannelArgument], _ body: (UnsafePointer<grpc_channel_args>) -> R
) -> R {
  var raw = arguments.map(\.raw)
  defer { raw.forEach(ChannelArgument.release) }
  return raw.withUnsafeMutableBufferPointer { buffer in
    var list = grpc_channel_args(num_args: buffer.count, args: buffer.baseAddress)
    return body(&list)
  }
}
