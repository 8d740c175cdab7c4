// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// Which field tells a client how long a gRPC call's `grpc-timeout` may be.
enum TimeoutForm: Hashable, Sendable {
  /// `max_grpc_timeout`, as istiod writes it.
  case istio
  /// `max_stream_duration.grpc_timeout_header_max`, since Envoy deprecates the other; it means the
  /// same.
  case plain
  /// `max_stream_duration.max_stream_duration`, which is all that gRPC's libraries read.
  case grpcLibrary

  /// The form for a proxy.
  init(_ node: ProxyNode) {
    self = node.isProxyless ? .grpcLibrary : node.isPlain ? .plain : .istio
  }
}
