// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import GRPC
import MeshModel

/// A number of bytes as istiod's log lines write it: `312B`, `20.1kB`, `1.2MB`.
func byteCount(_ bytes: Int) -> String {
  guard bytes >= 1000 else { return "\(bytes)B" }
  var (value, unit) = (Double(bytes) / 1000, "kB")
  for next in ["MB", "GB"] where value >= 1000 { (value, unit) = (value / 1000, next) }
  let tenths = Int((value * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)\(unit)"
}

extension GRPCStatus.Code {
  /// The code of an error that a machine ends its stream with.
  init(_ code: StreamError.Code) {
    switch code {
    case .invalidArgument: self = .invalidArgument
    case .permissionDenied: self = .permissionDenied
    case .resourceExhausted: self = .resourceExhausted
    case .unauthenticated: self = .unauthenticated
    }
  }

  /// The name in Go's spelling, as istiod's lines and labels have it: `Internal`.
  var goName: String {
    let name = self == .ok ? "OK" : self == .cancelled ? "Canceled" : "\(self)"
    return name.prefix(1).uppercased() + name.dropFirst()
  }
}

extension ProxyNode {
  /// The proxy's version as the metric `pilot_xds` has it.
  var versionLabel: String { istioVersion ?? "unknown" }
}

extension ProxyNode {
  /// The node of a request.
  ///
  /// - Throws: INVALID_ARGUMENT with what is wrong with its id.
  init(_ description: NodeDescription) throws(GRPCStatus) {
    guard
      let node = ProxyNode(
        id: description.id, metadata: description.metadata, locality: description.locality,
        serviceCluster: description.cluster, extensions: description.extensions,
        envoyVersion: description.envoyVersion, clientFeatures: description.clientFeatures)
    else {
      throw GRPCStatus(
        .invalidArgument,
        "The node id \"\(description.id.prefix(200))\" is not of the form "
          + "kind~IP~name.namespace~domain, with a kind of sidecar, router, waypoint or ztunnel.")
    }
    self = node
  }
}
