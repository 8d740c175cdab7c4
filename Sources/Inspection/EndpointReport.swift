// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Which endpoints are shown; what is not given holds for all.
public struct EndpointFilter: Sendable {
  /// The address, with or without its port.
  public var address = ""
  /// The port; 0 for any.
  public var port: Int64 = 0
  /// The cluster's name.
  public var cluster = ""
  /// The health, such as HEALTHY.
  public var status = ""

  /// Every endpoint.
  public init() {}

  func admits(_ address: JSONValue?, _ cluster: String, _ status: String) -> Bool {
    let place = Place(address)
    let wanted = self.address.lowercased()
    return (wanted.isEmpty || [place.address, place.text].contains { $0.lowercased() == wanted })
      && (port == 0 || place.port == port)
      && (self.cluster.isEmpty || cluster.lowercased() == self.cluster.lowercased())
      && (self.status.isEmpty || status.uppercased() == self.status.uppercased())
  }
}

/// An address of Envoy's, for people.
struct Place: Hashable {
  var address: String
  var port: Int64 = 0

  init(_ value: JSONValue?) {
    if let socket = value?.field("socket_address") {
      address = socket.text("address")
      port = socket.number("port_value") ?? 0
    } else if let pipe = value?.field("pipe") {
      address = "unix://" + pipe.text("path")
    } else if let inner = value?.field("envoy_internal_address") {
      address = "envoy://\(inner.text("server_listener_name"))/\(inner.text("endpoint_id"))"
    } else {
      address = "unknown"
    }
  }

  var text: String { port == 0 ? address : "\(address):\(port)" }
}

/// `proxy-config endpoint`: the hosts that a proxy knows, from Envoy's page `/clusters?format=json`,
/// with the health that Envoy sees.
public struct HostReport: Sendable {
  /// The clusters with a host that is shown, as Envoy's page has them.
  public let clusters: [JSONValue]
  private let hosts: [Host]

  private struct Host {
    var place: Place
    var status: String
    var failedOutlierCheck: Bool
    var cluster: String
  }

  /// The hosts of the page.
  public init(_ page: JSONValue, _ filter: EndpointFilter = EndpointFilter()) throws(DumpError) {
    guard page.object != nil, page["configs"] == nil else {
      throw DumpError(description: "It is not Envoy's page /clusters?format=json.")
    }
    var found: [Host] = []
    var shown: [JSONValue] = []
    for cluster in page.list("cluster_statuses") {
      let name = cluster.text("name")
      let hosts = cluster.list("host_statuses").compactMap { host -> Host? in
        let health = host.field("health_status")
        let status = health?.text("eds_health_status") ?? ""
        guard filter.admits(host.field("address"), name, status.isEmpty ? "UNKNOWN" : status)
        else { return nil }
        return Host(
          place: Place(host.field("address")), status: status.isEmpty ? "UNKNOWN" : status,
          failedOutlierCheck: health?.field("failed_outlier_check")?.bool ?? false, cluster: name)
      }
      if !hosts.isEmpty { shown.append(cluster) }
      found += hosts
    }
    clusters = shown
    hosts = found.sorted {
      ($0.place.address, $0.place.port, $0.cluster) < ($1.place.address, $1.place.port, $1.cluster)
    }
  }

  /// istioctl's table.
  public var table: TextTable {
    TextTable(
      ["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"],
      hosts.map {
        [$0.place.text, $0.status, $0.failedOutlierCheck ? "FAILED" : "OK", $0.cluster]
      })
  }
}

/// `proxy-config eds`: the endpoints that a proxy was sent, from its config dump.
public struct EndpointReport: Sendable {
  /// The load assignments with an endpoint that is shown, in order.
  public let assignments: [JSONValue]
  private let filter: EndpointFilter

  /// The load assignments of a dump.
  public init(_ dump: ProxyDump, _ filter: EndpointFilter = EndpointFilter()) {
    self.filter = filter
    assignments = dump.endpoints
      .filter { !EndpointReport.rows($0, filter).isEmpty }
      .map { (ClusterKey($0.text("cluster_name")), $0) }
      .sorted { ClusterKey.precedes($0.0, $1.0) }
      .map(\.1)
  }

  /// istioctl's table.
  public var table: TextTable {
    TextTable(
      ["NAME", "STATUS", "LOCALITY", "CLUSTER"],
      assignments.flatMap { EndpointReport.rows($0, filter) })
  }

  /// The table that istioctl has among those of all kinds: with what each row is of.
  public var typedTable: TextTable {
    TextTable(table.header, table.rows.map { ["endpoint/" + $0[0]] + $0.dropFirst() })
  }

  private static func rows(_ assignment: JSONValue, _ filter: EndpointFilter) -> [[String]] {
    let cluster = assignment.text("cluster_name")
    return assignment.list("endpoints").flatMap { group in
      group.list("lb_endpoints").compactMap { endpoint -> [String]? in
        let given = endpoint.text("health_status")
        let status = given.isEmpty ? "UNKNOWN" : given
        let address = endpoint.at("endpoint", "address")
        guard filter.admits(address, cluster, status) else { return nil }
        let others = (endpoint.field("endpoint")?.list("additional_addresses") ?? [])
          .map { Place($0.field("address")).text }
        let name = ([Place(address).text] + others).joined(separator: ",")
        return [name, status, locality(group.field("locality")), cluster]
      }
    }
  }

  private static func locality(_ value: JSONValue?) -> String {
    var parts = [value?.text("region") ?? ""]
    for name in ["zone", "sub_zone"] {
      guard let part = value?.text(name), !part.isEmpty else { break }
      parts.append(part)
    }
    return parts.joined(separator: "/")
  }
}
