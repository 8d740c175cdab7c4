// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// Which field tells a client how long a gRPC call's `grpc-timeout` may be.
enum TimeoutForm: Hashable, Sendable {
  /// `max_grpc_timeout`, as istiod writes it.
  case istio
  /// None: Envoy deprecates `max_grpc_timeout`, and its successor in `max_stream_duration` turns the
  /// route's own timeout off. A call's `grpc-timeout` is then for the server alone to keep.
  case plain
  /// `max_stream_duration.max_stream_duration`, which is all that gRPC's libraries read.
  case grpcLibrary

  /// The form for a proxy.
  init(_ node: ProxyNode) {
    self = node.isProxyless ? .grpcLibrary : node.isPlain ? .plain : .istio
  }

  /// The form for a proxy where no rule sets a timeout: a gRPC library has nothing to read then.
  static func withoutRule(_ node: ProxyNode) -> TimeoutForm {
    node.isProxyless ? .istio : TimeoutForm(node)
  }
}
