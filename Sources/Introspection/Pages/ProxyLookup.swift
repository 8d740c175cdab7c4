// SPDX-License-Identifier: Apache-2.0

import DiscoveryServer
import HTTPServer
import MeshModel

/// The stream that the query's `proxyID` names, or the refusal to send.
enum ProxyLookup {
  case found(ConnectionStatus)
  case refused(HTTPResponse)

  /// Looks for a stream by its own name, its node's id or `name.namespace`; else, as istiod does,
  /// by any part of these, as long as that fits one proxy only.
  init(_ request: HTTPRequest, _ sources: IntrospectionSources) {
    let connections = sources.sortedConnections()
    guard let wanted = request.query("proxyID"), !wanted.isEmpty else {
      let text = "You must provide a proxyID in the query string."
      self = .refused(.refusal(400, text + Self.list(connections)))
      return
    }
    if let exact = connections.last(where: { $0.isNamed(wanted) }) {
      self = .found(exact)
      return
    }
    let similar = connections.filter { $0.id.contains(wanted) }
    guard let first = similar.first else {
      // istiod's sentence, by which istioctl knows to ask the next replica.
      let text =
        "Proxy not connected to this Pilot instance. It may be connected to another instance. "
        + "Asked for was \(wanted)."
      self = .refused(.refusal(404, text + Self.list(connections)))
      return
    }
    guard similar.allSatisfy({ $0.node.id == first.node.id }) else {
      let text = "The proxyID \(wanted) is part of several names."
      self = .refused(.refusal(400, text + Self.list(similar)))
      return
    }
    self = .found(similar[similar.count - 1])
  }

  private static func list(_ connections: [ConnectionStatus]) -> String {
    let names = Set(connections.map(\.node.shortID)).sorted()
    guard !names.isEmpty else { return " No proxy is connected." }
    return " Connected are:\n" + names.map { "  " + $0 }.joined(separator: "\n")
  }
}

extension ConnectionStatus {
  /// Whether a name is the stream's own, its node's id or `name.namespace`.
  func isNamed(_ name: String) -> Bool {
    id == name || node.id == name || node.shortID == name
  }
}

extension IntrospectionSources {
  /// The open streams, by name; of one proxy the oldest first.
  func sortedConnections() -> [ConnectionStatus] {
    connections().sorted { left, right in
      if left.node.id != right.node.id { return left.node.id < right.node.id }
      return (left.connectedAt, left.id) < (right.connectedAt, right.id)
    }
  }
}
