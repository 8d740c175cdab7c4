// SPDX-License-Identifier: Apache-2.0

public import JSON

/// `proxy-config bootstrap -o short`: the versions that an Envoy was started with.
public struct BootstrapReport: Sendable {
  private let lines: [(label: String, value: String)]

  /// The versions in a bootstrap.
  public init(_ bootstrap: JSONValue) {
    let node = bootstrap.at("bootstrap", "node")
    let metadata = node?.field("metadata")
    let sha = metadata?.text("ISTIO_PROXY_SHA") ?? ""
    let parts = sha.split(separator: ":", omittingEmptySubsequences: false)
    lines = [
      ("Istio Version:", metadata?.text("ISTIO_VERSION") ?? ""),
      ("Istio Proxy Version:", parts.count > 1 ? String(parts[1]) : sha),
      ("Envoy Version:", BootstrapReport.envoy(node?.field("user_agent_build_version"))),
    ].filter { !$0.1.isEmpty }
  }

  private static func envoy(_ build: JSONValue?) -> String {
    let version = build?.field("version")
    let numbers = ["major_number", "minor_number", "patch"].map {
      String(version?.number($0) ?? 0)
    }
    let metadata = build?.field("metadata")
    let marks = [
      ("-", "build.label"), ("/", "revision.status"), ("/", "build.type"), ("/", "ssl.version"),
    ].compactMap { mark, key in metadata?[key]?.string.map { mark + $0 } }
    return numbers.joined(separator: ".") + marks.joined()
  }

  /// istioctl's lines.
  public var text: String {
    let width = lines.map(\.label.count).max() ?? 0
    return lines.map { line in
      line.label + String(repeating: " ", count: width + 1 - line.label.count) + line.value + "\n"
    }.joined()
  }
}

/// `proxy-config ecds`: the extensions that a proxy has.
public struct ExtensionReport: Sendable {
  private let rows: [[String]]

  /// The extensions of a dump, by type and name.
  public init(_ dump: ProxyDump) {
    let prefix = "type.googleapis.com/"
    rows = dump.extensions.map { filter -> [String] in
      let url = filter.text("typed_config", "@type")
      return [
        filter.text("name"), url.hasPrefix(prefix) ? String(url.dropFirst(prefix.count)) : url,
      ]
    }.sorted { ($0[1], $0[0]) < ($1[1], $1[0]) }
  }

  /// istioctl's table.
  public var table: TextTable { TextTable(["ECDS NAME", "TYPE"], rows) }
}
