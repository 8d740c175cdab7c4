// SPDX-License-Identifier: Apache-2.0

public import JSON

/// `proxy-status`: how far proxies follow, from the control plane's page `/debug/syncz`.
public struct SyncReport: Sendable {
  /// The proxies that are shown, by name.
  public let proxies: [JSONValue]
  private let identity: String

  /// The rows of the page; `identity` is the control plane that was asked.
  public init(_ page: JSONValue, identity: String) throws(DumpError) {
    guard let rows = page.array else {
      throw DumpError(description: "The control plane's page syncz is no list.")
    }
    proxies = rows.sorted { $0.text("proxy") < $1.text("proxy") }
    self.identity = identity
  }

  /// istioctl's table: which types each proxy asked for.
  public var table: TextTable {
    TextTable(
      ["NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES"],
      proxies.map { proxy in
        let types = SyncReport.types(of: proxy).map(\.short)
        return [
          proxy.text("proxy"), proxy.text("cluster_id"), identity, proxy.text("istio_version"),
          "\(types.count) (\(types.joined(separator: ",")))",
        ]
      })
  }

  /// istioctl's long table: the state of each type.
  public var longTable: TextTable {
    let columns = ["CDS", "LDS", "EDS", "RDS", "ECDS"]
    return TextTable(
      ["NAME", "CLUSTER"] + columns + ["ISTIOD", "VERSION"],
      proxies.map { proxy in
        let states = Dictionary(SyncReport.types(of: proxy).map { ($0.short, $0.state) }) { $1 }
        return [proxy.text("proxy"), proxy.text("cluster_id")]
          + columns.map { states[$0] ?? "IGNORED" } + [identity, proxy.text("istio_version")]
      })
  }

  /// The versions that proxies report, each with how many do.
  public var versions: [(version: String, count: Int)] {
    Dictionary(grouping: proxies) { $0.text("istio_version") }
      .map { ($0.key.isEmpty ? "unknown" : $0.key, $0.value.count) }
      .sorted { $0.0 < $1.0 }
  }

  private static let order = ["CDS", "LDS", "EDS", "RDS"]

  private static func types(of proxy: JSONValue) -> [(short: String, state: String)] {
    let members = proxy.field("resources")?.object?.members ?? []
    return members.map { member in
      let state = member.value.text("status").split(separator: "_").joined(separator: " ")
      return (shortName(member.key), state)
    }
    .sorted { left, right in
      let places = [left, right].map { order.firstIndex(of: $0.short) ?? order.count }
      return (places[0], left.short) < (places[1], right.short)
    }
  }

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
}
