// SPDX-License-Identifier: Apache-2.0

public import JSON

/// `proxy-config route`: a proxy's route configurations, a line a route.
public struct RouteReport: Sendable {
  /// The route configurations that are shown: those with a number as name first, by that.
  public let routes: [JSONValue]

  /// The route configurations of a dump; only that of `name` where it is not empty.
  public init(_ dump: ProxyDump, name: String = "") {
    routes = dump.routes.enumerated()
      .filter { name.isEmpty || $0.element.text("name") == name }
      .map { (Int64($0.element.text("name")) ?? .max, $0.offset, $0.element) }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
      .map(\.2)
  }

  /// istioctl's table.
  public var table: TextTable { table(isVerbose: true) }

  /// istioctl's table: a row a route where it is verbose, else one a route configuration.
  ///
  /// - Parameter isTyped: Whether each row says what it is of, as among tables of all kinds.
  public func table(isVerbose: Bool, isTyped: Bool = false) -> TextTable {
    let name = { (route: JSONValue) in (isTyped ? "route/" : "") + route.text("name") }
    guard isVerbose else {
      return TextTable(
        ["NAME", "VIRTUAL HOSTS"],
        routes.map { [name($0), String($0.list("virtual_hosts").count)] })
    }
    let rows = routes.flatMap { route in
      route.list("virtual_hosts").flatMap { host -> [[String]] in
        let start = [name(route), host.text("name"), domainsText(host.texts("domains"))]
        let routes = host.list("routes")
        guard !routes.isEmpty else { return [start + ["/*", "404"]] }
        return routes.filter { $0.at("route", "cluster")?.string != "PassthroughCluster" }
          .map { start + [routeMatchText($0.field("match")), managedBy($0)] }
      }
    }
    return TextTable(["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"], rows)
  }
}

/// What a route asks of a request's path.
func routeMatchText(_ match: JSONValue?) -> String {
  guard let match else { return "" }
  var parts: [String] = []
  if !match.text("prefix").isEmpty { parts.append(match.text("prefix") + "*") }
  let separated = match.text("path_separated_prefix")
  if !separated.isEmpty { parts.append("PathPrefix:" + separated) }
  if !match.text("path").isEmpty { parts.append(match.text("path")) }
  if let expression = match.at("safe_regex", "regex")?.string {
    parts.append("regex " + expression)
  }
  return parts.joined(separator: " ")
}

/// The domains that tell something: without ports, and of one name's forms the short ones.
func domainsText(_ domains: [String]) -> String {
  guard domains.count > 1 else { return domains.first ?? "" }
  let bare = domains.filter { domain in
    let colons = domain.utf8.count { $0 == UInt8(ascii: ":") }
    return colons == 0 || (colons > 2 && domain.hasSuffix("]"))
  }
  let known = Set(bare)
  let shown = bare.filter { domain in
    ![".svc.cluster.local", ".svc"].contains { suffix in
      domain.hasSuffix(suffix) && known.contains(String(domain.dropLast(suffix.count)))
    }
  }
  guard shown.count > 2 else { return shown.joined(separator: ", ") }
  return shown.prefix(2).joined(separator: ", ") + " + \(shown.count - 2) more..."
}
