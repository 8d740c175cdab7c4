// SPDX-License-Identifier: Apache-2.0

public import JSON

/// `proxy-status`: how far proxies follow, from the control plane's page `/debug/syncz`.
public struct SyncReport: Sendable {
  /// How far a proxy follows with one type.
  struct TypeState: Hashable, Sendable {
    /// The type's URL.
    var url: String
    /// `SYNCED`, `STALE`, `NOT_SENT`, `ERROR`; empty where it is not known.
    var state: String
    /// When something was sent last, as RFC 3339 writes it; empty where nothing was.
    var updated: String
  }

  /// One proxy.
  struct Proxy: Hashable, Sendable {
    var name: String
    var cluster: String
    var version: String
    var types: [TypeState]
  }

  /// The answer to `istio.io/debug/syncz`, as istioctl prints it.
  public let response: JSONValue
  private let proxies: [Proxy]
  private let identity: String

  /// The rows of the page, in the form of xDS or in istiod's; `identity` is the control plane that was
  /// asked, where the page does not say.
  public init(_ page: JSONValue, identity: String) throws(DumpError) {
    if let rows = page.array {
      response = SyncReport.response(rows)
    } else if page["resources"]?.array != nil {
      response = page
    } else {
      throw DumpError(description: "The control plane's page syncz tells of no proxies.")
    }
    proxies = response.list("resources").map(Proxy.init).sorted { $0.name < $1.name }
    let text = response.text("controlPlane", "identifier")
    let identifier = try? JSONValue(parsing: Array(text.utf8))
    self.identity = identifier?["ID"]?.string ?? identity
  }

  /// istiod's rows as the messages that they are of.
  private static func response(_ rows: [JSONValue]) -> JSONValue {
    let resources = rows.map { row -> JSONValue in
      let name = row.text("proxy")
      let namespace = name.split(separator: ".").last.map(String.init) ?? ""
      let types = (row.field("resources")?.object?.members ?? []).sorted { $0.key < $1.key }
      return [
        "@type": "type.googleapis.com/envoy.service.status.v3.ClientConfig",
        "node": [
          "id": .string(name),
          "metadata": [
            "CLUSTER_ID": .string(row.text("cluster_id")), "NAMESPACE": .string(namespace),
            "ISTIO_VERSION": .string(row.text("istio_version")),
          ],
        ],
        "genericXdsConfigs": .array(types.map { type($0.key, $0.value) }),
      ]
    }
    return ["resources": .array(resources), "typeUrl": "istio.io/debug/syncz"]
  }

  private static func type(_ url: String, _ row: JSONValue) -> JSONValue {
    let (sent, acked) = (row.text("sent"), row.text("acked"))
    let judged =
      !row.text("lastError").isEmpty
      ? "ERROR" : sent.isEmpty ? "NOT_SENT" : sent == acked ? "SYNCED" : "STALE"
    let told = row.text("status")
    var members: [JSONObject.Member] = [
      .init("typeUrl", .string(url)),
      .init("configStatus", .string(told.isEmpty ? judged : told == "WARMING" ? "STALE" : told)),
    ]
    if !row.text("sentTime").isEmpty {
      members.append(.init("lastUpdated", .string(row.text("sentTime"))))
    }
    return .object(JSONObject(distinct: members))
  }

  /// istioctl's table: which types each proxy asked for.
  public var table: TextTable {
    TextTable(
      ["NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES"],
      proxies.map { proxy in
        let types = proxy.types.map { SyncReport.shortName($0.url) }.sorted {
          (SyncReport.place(of: $0), $0) < (SyncReport.place(of: $1), $1)
        }
        let text = types.isEmpty ? "0" : "\(types.count) (\(types.joined(separator: ",")))"
        return [proxy.name, proxy.cluster, identity, proxy.version, text]
      })
  }

  /// istioctl's long table: the state of each type, and how long ago something was sent.
  ///
  /// - Parameter age: How long ago a time of RFC 3339 is, for people; nil where it is none.
  public func longTable(age: (String) -> String?) -> TextTable {
    let columns = Set(SyncReport.core + proxies.flatMap { $0.types.map(\.url) }).sorted()
    return TextTable(
      ["NAME", "CLUSTER"] + columns.map(SyncReport.shortName) + ["ISTIOD", "VERSION"],
      proxies.map { proxy in
        let states = Dictionary(proxy.types.map { ($0.url, $0) }) { $1 }
        let cells = columns.map { url -> String in
          guard let type = states[url], !type.state.isEmpty else { return "IGNORED" }
          guard type.state != "NOT_SENT" else { return "NOT SENT" }
          return type.state + (age(type.updated).map { " (\($0))" } ?? "")
        }
        return [proxy.name, proxy.cluster] + cells + [identity, proxy.version]
      })
  }

  /// The versions that proxies report, each with how many do.
  public var versions: [(version: String, count: Int)] {
    Dictionary(grouping: proxies, by: \.version)
      .map { ($0.key.isEmpty ? "unknown" : $0.key, $0.value.count) }
      .sorted { $0.0 < $1.0 }
  }

  /// Each proxy with its version, as `istioctl version -o json` has them.
  public var versionRows: [JSONValue] {
    proxies.map { ["ID": .string($0.name), "IstioVersion": .string($0.version)] }
  }

  private static let order = ["CDS", "LDS", "EDS", "RDS"]

  private static func place(of short: String) -> Int {
    order.firstIndex(of: short) ?? order.count
  }

  /// The types that the long table always has.
  private static let core = [
    "cluster.v3.Cluster", "listener.v3.Listener", "endpoint.v3.ClusterLoadAssignment",
    "route.v3.RouteConfiguration", "core.v3.TypedExtensionConfig",
  ].map { "type.googleapis.com/envoy.config." + $0 }

  /// A type's short name, CDS for clusters; the last part of its URL where it has none.
  static func shortName(_ url: String) -> String {
    let known = [
      "Cluster": "CDS", "Listener": "LDS", "ClusterLoadAssignment": "EDS",
      "RouteConfiguration": "RDS", "Secret": "SDS", "TypedExtensionConfig": "ECDS",
      "NameTable": "NDS", "ProxyConfig": "PCDS", "Workload": "WDS", "Address": "WADS",
      "Bootstrap": "BDS",
    ]
    let last = url.split(whereSeparator: { $0 == "." || $0 == "/" }).last.map(String.init) ?? url
    return known[last] ?? last
  }

  /// A duration in seconds as `kubectl` shows ages, such as `2m5s` or `3h`.
  public static func age(seconds: Int64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
    func two(_ first: Int64, _ unit: String, _ second: Int64, _ smaller: String) -> String {
      "\(first)\(unit)" + (second == 0 ? "" : "\(second)\(smaller)")
    }
    if seconds < 0 { return seconds < -1 ? "<invalid>" : "0s" }
    if seconds < 120 { return "\(seconds)s" }
    if minutes < 10 { return two(minutes, "m", seconds % 60, "s") }
    if minutes < 180 { return "\(minutes)m" }
    if hours < 8 { return two(hours, "h", minutes % 60, "m") }
    if hours < 48 { return "\(hours)h" }
    if days < 8 { return two(days, "d", hours % 24, "h") }
    if days < 730 { return "\(days)d" }
    return days < 2920 ? two(days / 365, "y", days % 365, "d") : "\(days / 365)y"
  }
}

extension SyncReport.Proxy {
  /// What a message (`envoy.service.status.v3.ClientConfig`) tells.
  fileprivate init(_ message: JSONValue) {
    name = message.text("node", "id")
    cluster = message.text("node", "metadata", "CLUSTER_ID")
    version = message.text("node", "metadata", "ISTIO_VERSION")
    types = message.list("generic_xds_configs").map {
      .init(
        url: $0.text("type_url"), state: $0.text("config_status"), updated: $0.text("last_updated"))
    }
  }
}
