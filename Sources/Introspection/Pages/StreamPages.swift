// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import HTTPServer
import MeshModel
import JSON
import ServiceDiscovery

/// `/debug/adsz` and `/debug/connections`: the open streams, in istiod's shape.
enum StreamPages {
  /// Every stream with its node's metadata and what it watches; one proxy's with `proxyID`.
  static func streams(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    guard request.query("proxyID") != nil else {
      return clients(sources.sortedConnections().map(stream), for: request)
    }
    switch ProxyLookup(request, sources) {
    case .refused(let refusal): return refusal
    case .found(let connection): return clients([stream(connection)], for: request)
    }
  }

  /// Every stream with its address and when it was opened.
  static func connections(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    clients(sources.sortedConnections().map { head($0).value }, for: request)
  }

  private static func clients(_ clients: [JSONValue], for request: HTTPRequest) -> HTTPResponse {
    var page = JSONFields()
    page.add("totalClients", clients.count)
    page.add("clients", list: clients)
    return .json(page.value, for: request)
  }

  private static func head(_ connection: ConnectionStatus) -> JSONFields {
    var fields = JSONFields()
    fields.add("connectionId", connection.id)
    fields.add("connectedAt", TimeText.rfc3339(connection.connectedAt))
    fields.add("address", plainAddress(connection.peer))
    return fields
  }

  private static func stream(_ connection: ConnectionStatus) -> JSONValue {
    let node = connection.node
    var fields = head(connection)
    fields.add("labels", node.labels)
    if !node.metadata.isEmpty { fields.add("metadata", .object(node.metadata)) }
    if !node.locality.isEmpty { fields.add("locality", locality(node.locality)) }
    let watches = connection.types.map { ($0.type.url, watched($0)) }
    if !watches.isEmpty { fields.add("watches", .sorted(Dictionary(watches) { _, last in last })) }
    return fields.value
  }

  /// The names that a stream holds of a type; of one that it wants all of, none (as istiod).
  private static func watched(_ type: TypeStatus) -> JSONValue {
    .texts(type.wildcard ? [] : type.resources.map(\.name))
  }

  private static func locality(_ place: Locality) -> JSONValue {
    var fields = JSONFields()
    fields.add("region", place.region)
    fields.add("zone", place.zone)
    fields.add("sub_zone", place.subzone)
    return fields.value
  }

  /// The address without gRPC's mark of its family.
  private static func plainAddress(_ peer: String) -> String {
    for family in ["ipv4:", "ipv6:"] where peer.hasPrefix(family) {
      return String(peer.dropFirst(family.count))
    }
    return peer
  }
}
