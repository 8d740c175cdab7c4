// SPDX-License-Identifier: Apache-2.0

public import JSON

/// A cluster's name: `DIRECTION|PORT|SUBSET|HOST`, or any other text, which is then the host.
struct ClusterKey: Hashable {
  var direction = ""
  var port: Int64 = 0
  var subset = ""
  var host: String
  /// Whether the name has these parts.
  var isStructured = false

  init(_ name: String) {
    let parts = name.split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count > 3 else {
      host = name
      return
    }
    direction = String(parts[0])
    port = Int64(parts[1]) ?? 0
    subset = String(parts[2])
    host = String(parts[3])
    isStructured = true
  }

  /// istioctl's order: by host, subset, port, direction.
  static func precedes(_ left: ClusterKey, _ right: ClusterKey) -> Bool {
    (left.host, left.subset, left.port, left.direction)
      < (right.host, right.subset, right.port, right.direction)
  }
}

/// `proxy-config cluster`: a proxy's clusters.
public struct ClusterReport: Sendable {
  /// The clusters that are shown, in order.
  public let clusters: [JSONValue]

  /// Which clusters are shown; what is not given holds for all.
  public struct Filter: Sendable {
    /// A part of the host.
    public var host = ""
    /// The port; 0 for any.
    public var port: Int64 = 0
    /// A part of the subset.
    public var subset = ""
    /// inbound or outbound.
    public var direction = ""

    /// Every cluster.
    public init() {}

    func admits(_ name: String) -> Bool {
      // As in istioctl a part of the name will do, wherever it stands.
      let parts = [host, subset, direction, port == 0 ? "" : "|\(port)|"]
      return parts.allSatisfy { $0.isEmpty || name.contains($0) }
    }
  }

  /// The clusters of a dump.
  public init(_ dump: ProxyDump, _ filter: Filter = Filter()) {
    clusters = dump.clusters.filter { filter.admits($0.text("name")) }
      .map { (ClusterKey($0.text("name")), $0) }
      .sorted { ClusterKey.precedes($0.0, $1.0) }
      .map(\.1)
  }

  /// istioctl's table.
  public var table: TextTable {
    TextTable(
      ["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"],
      clusters.map { row($0, host: ClusterKey($0.text("name")).host) })
  }

  /// The table that istioctl has among those of all kinds: with what each row is of.
  public var typedTable: TextTable {
    TextTable(
      ["NAME"] + table.header,
      clusters.map { cluster in
        let key = ClusterKey(cluster.text("name"))
        let name = "cluster/" + cluster.text("name")
        return [name] + row(cluster, host: key.isStructured ? key.host : name)
      })
  }

  private func row(_ cluster: JSONValue, host: String) -> [String] {
    let key = ClusterKey(cluster.text("name"))
    let type = cluster.text("type").isEmpty ? "STATIC" : cluster.text("type")
    let rule = managedBy(cluster)
    guard key.isStructured else { return [host, "-", "-", "-", type, rule] }
    let subset = key.subset.isEmpty ? "-" : key.subset
    return [host, String(key.port), subset, key.direction, type, rule]
  }
}

/// The object that a resource comes from, by its metadata, as `name.namespace`.
func managedBy(_ resource: JSONValue) -> String {
  guard
    let path = resource.at("metadata", "filter_metadata", "istio", "config")?.string
  else { return "" }
  guard path.hasPrefix("/apis/networking.istio.io/") else { return "<unknown>" }
  let parts = path.split(separator: "/", omittingEmptySubsequences: false)
  return parts.count == 8 ? "\(parts[7]).\(parts[5])" : ""
}
