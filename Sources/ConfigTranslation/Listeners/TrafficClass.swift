// SPDX-License-Identifier: Apache-2.0

/// Which traffic a listener takes (Istio's listener class).
enum TrafficClass: Hashable, Sendable {
  /// To the proxy's own workload.
  case sidecarInbound
  /// From the proxy's workload to others.
  case sidecarOutbound
  /// Through a gateway.
  case gateway

  /// How statistics name the direction.
  var direction: String { self == .sidecarInbound ? "inbound" : "outbound" }
  /// Whether the filters act for the client's side of a call.
  var isClientSide: Bool { self != .sidecarInbound }
}
