// SPDX-License-Identifier: Apache-2.0

public import JSON

/// `proxy-config listener`: a proxy's listeners, and where each filter chain leads.
public struct ListenerReport: Sendable {
  /// The listeners that are shown, in order.
  public let listeners: [JSONValue]

  /// Which listeners are shown; what is not given holds for all.
  public struct Filter: Sendable {
    /// One of the addresses.
    public var address = ""
    /// The port; 0 for any.
    public var port: Int64 = 0
    /// HTTP, TCP, HTTP+TCP or UNKNOWN.
    public var type = ""

    /// Every listener.
    public init() {}

    func admits(_ listener: JSONValue) -> Bool {
      (address.isEmpty || addresses(listener).contains(address))
        && (port == 0 || Place(listener.field("address")).port == port)
        && (type.isEmpty || kind(listener) == type.uppercased())
    }
  }

  /// The listeners of a dump.
  public init(_ dump: ProxyDump, _ filter: Filter = Filter()) {
    listeners = dump.listeners.filter(filter.admits).map { listener in
      let place = Place(listener.field("address"))
      return ((place.port, place.address, kind(listener)), listener)
    }
    .sorted { $0.0 < $1.0 }
    .map(\.1)
  }

  /// istioctl's table.
  public var table: TextTable { table(isVerbose: true) }

  /// istioctl's table: a row a filter chain where it is verbose, else one a listener.
  ///
  /// - Parameter isTyped: Whether each row says what it is of, as among tables of all kinds.
  public func table(isVerbose: Bool, isTyped: Bool = false) -> TextTable {
    let rows = listeners.flatMap { listener -> [[String]] in
      let name = isTyped ? ["listener/" + listener.text("name")] : []
      let shown = addresses(listener).joined(separator: ",")
      let start = name + [shown, String(Place(listener.field("address")).port)]
      guard isVerbose else { return [start + [kind(listener)]] }
      return chains(listener)
        .map { (matchText($0.field("filter_chain_match")), destination($0)) }
        .sorted { $0.1 > $1.1 }
        .map { start + [$0.0, $0.1] }
    }
    let header =
      (isTyped ? ["NAME"] : []) + ["ADDRESSES", "PORT"]
      + (isVerbose ? ["MATCH", "DESTINATION"] : ["TYPE"])
    return TextTable(header, rows, gap: 1)
  }
}

private let httpFilter = "envoy.filters.network.http_connection_manager"
private let tcpFilter = "envoy.filters.network.tcp_proxy"

private func addresses(_ listener: JSONValue) -> [String] {
  [bare(listener.field("address"))]
    + listener.list("additional_addresses").map { bare($0.field("address")) }
}

/// An address without a scheme for pipes, as istioctl shows a listener's.
private func bare(_ address: JSONValue?) -> String {
  address?.at("pipe", "path")?.string ?? address?.at("socket_address", "address")?.string ?? ""
}

private func chains(_ listener: JSONValue) -> [JSONValue] {
  listener.list("filter_chains") + [listener.field("default_filter_chain")].compactMap { $0 }
}

private func leadsNowhere(_ filter: JSONValue) -> Bool {
  filter.at("typed_config", "cluster")?.string == "BlackHoleCluster"
}

/// HTTP, TCP, both or neither.
private func kind(_ listener: JSONValue) -> String {
  let filters = chains(listener).flatMap { $0.list("filters") }
  let http = filters.contains { $0.text("name") == httpFilter }
  let tcp = filters.contains { $0.text("name") == tcpFilter && !leadsNowhere($0) }
  switch (http, tcp) {
  case (true, true): return "HTTP+TCP"
  case (true, false): return "HTTP"
  case (false, true): return "TCP"
  case (false, false): return "UNKNOWN"
  }
}

private let protocolNames: [[String]: String] = [
  ["http/1.0", "http/1.1", "h2c", "istio-http/1.0", "istio-http/1.1", "istio-h2"]: "App: HTTP TLS",
  ["istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"]: "App: Istio HTTP Plain",
  ["istio-peer-exchange", "istio"]: "App: TCP TLS",
  ["http/1.0", "http/1.1", "h2c"]: "App: HTTP",
]

/// What a filter chain asks of a connection.
private func matchText(_ match: JSONValue?) -> String {
  guard let match else { return "ALL" }
  var parts: [String] = []
  let names = match.texts("server_names")
  if !names.isEmpty { parts.append("SNI: " + names.joined(separator: ",")) }
  let transport = match.text("transport_protocol")
  if !transport.isEmpty { parts.append("Trans: " + transport) }
  let protocols = match.texts("application_protocols")
  if !protocols.isEmpty {
    parts.append(protocolNames[protocols] ?? "App: " + protocols.joined(separator: ","))
  }
  let port = match.number("destination_port").map { ":\($0)" } ?? ""
  let ranges = match.list("prefix_ranges").map { range in
    "\(range.text("address_prefix"))/\(range.number("prefix_len") ?? 0)"
  }
  if !ranges.isEmpty {
    parts.append("Addr: " + ranges.joined(separator: ",") + port)
  } else if !port.isEmpty {
    parts.append("Addr: *" + port)
  }
  return parts.isEmpty ? "ALL" : parts.joined(separator: "; ")
}

/// Where a filter chain leads.
private func destination(_ chain: JSONValue) -> String {
  for filter in chain.list("filters") {
    let config = filter.field("typed_config")
    if filter.text("name") == httpFilter {
      if let inline = config?.field("route_config") { return inlineRoute(inline) }
      let name = config?.at("rds", "route_config_name")?.string ?? ""
      return name.isEmpty ? "HTTP" : "Route: " + name
    }
    if filter.text("name") == tcpFilter, !leadsNowhere(filter) {
      return clusterText(config?.text("cluster") ?? "")
    }
  }
  return "Non-HTTP/Non-TCP"
}

private func clusterText(_ name: String) -> String {
  name.contains("Cluster") ? name : "Cluster: " + name
}

private func inlineRoute(_ route: JSONValue) -> String {
  let hosts = route.list("virtual_hosts")
  if hosts.count == 1, hosts[0].texts("domains") == ["*"], hosts[0].list("routes").count == 1,
    let only = hosts[0].list("routes").first, only.at("match", "prefix")?.string == "/",
    let cluster = only.at("route", "cluster")?.string
  {
    return clusterText(cluster)
  }
  let described = hosts.map { host in
    let domains = host.texts("domains")
    let routes = host.list("routes").map { routeMatchText($0.field("match")) }
      .joined(separator: ", ")
    return domains == ["*"] ? routes : domains.joined(separator: "/") + " " + routes
  }
  return "Inline Route: " + described.joined(separator: "; ")
}
