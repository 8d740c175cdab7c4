// SPDX-License-Identifier: Apache-2.0

import Configuration
import Flags
import Glibc
import Inspection
import JSON

extension Command {
  /// What this program calls itself.
  private static let clientVersion = "0.1.0"

  /// `version`: this program's, the control plane's and the proxies'.
  static let version = Command(
    name: "version", help: "Print the versions of this program, the control plane and its proxies",
    flags: [
      Flag("remote", .truth, "true", "Ask the control plane"),
      Flag("short", .truth, "false", short: "s", "The same: kept for istioctl's habits"),
      Origin.daemonFlag, Origin.outputFlag,
    ] + Origin.habits
  ) { context in
    var lines = ["client version: \(clientVersion)"]
    var value: JSONValue = ["clientVersion": ["version": .string(clientVersion)]]
    if context.line.isTrue("remote") {
      let answer = String(decoding: try await context.daemon("/version"), as: UTF8.self)
      let control = String(answer.prefix { $0 != "\n" })
      let report = try SyncReport(try await context.daemonJSON("/debug/syncz"), identity: "")
      let proxies = report.versions.map { "\($0.version) (\($0.count) proxies)" }
      lines.append("control plane version: \(control)")
      lines.append(
        "data plane version: " + (proxies.isEmpty ? "none" : proxies.joined(separator: ", ")))
      value = [
        "clientVersion": ["version": .string(clientVersion)],
        "meshVersion": [["Component": "pilot", "Info": ["version": .string(control)]]],
        "dataPlaneVersion": .array(report.versionRows),
      ]
    }
    return try context.output(lines.map { $0 + "\n" }.joined(), value)
  }

  /// `proxy-status`: how far proxies follow; of one, what it has against what it was served.
  static let proxyStatus = Command(
    name: "proxy-status", operands: ["PROXY"],
    help:
      "Show how far each proxy follows; of one, how what it has differs from what it was served",
    flags: [
      Flag("verbosity", .number, "0", short: "v", "1 shows the state of each type"),
      Flag("namespace", .text, "", short: "n", "Only proxies of this namespace"),
      Origin.daemonFlag, Origin.envoyFlag, Origin.fileFlag, Origin.outputFlag,
    ] + Origin.habits
  ) { context in
    guard context.operand.isEmpty else { return try await context.comparison() }
    let namespace = context.line["namespace"]
    let query = "?format=xds" + (namespace.isEmpty ? "" : "&namespace=" + Origin.escaped(namespace))
    let page = try await context.daemonJSON("/debug/syncz" + query)
    let report = try SyncReport(page, identity: context.daemonName)
    let now = Int64(time(nil))
    let table =
      context.line["verbosity"] == "0"
      ? report.table
      : report.longTable { moment in
        Timestamp.seconds(moment).map { SyncReport.age(seconds: now - $0) }
      }
    return try context.output(table.text, report.response)
  }

  /// `rollout`: on which proxies the newest version of an object is in force.
  static let rollout = Command(
    name: "rollout", operands: ["KIND", "NAME"],
    help:
      "Show which proxies have applied, refused or still wait for the newest version of an object",
    flags: [
      Flag("namespace", .text, "default", short: "n", "The object's namespace"),
      Origin.daemonFlag, Origin.outputFlag,
    ]
  ) { context in
    guard context.line.words.count == 2 else {
      throw FlagError("Which object? Give a kind and a name, such as VirtualService reviews.")
    }
    let query = zip(
      ["kind", "name", "namespace"], context.line.words + [context.line["namespace"]]
    )
    .map { "\($0)=\(Origin.escaped($1))" }
    let page = try await context.daemonJSON("/debug/rollout?" + query.joined(separator: "&"))
    return try context.output(RolloutReport(page).text, page)
  }

  /// `explain`: where a proxy sends a request, and why.
  static let explain = Command(
    name: "explain", operands: ["PROXY", "URL"],
    help: "Say where a proxy sends a request, which objects make it so, and what was passed over",
    flags: [
      Flag("method", .text, "GET", "The request's method"),
      Flag("header", .list, "", "A header, name: value; several by comma or repeated"),
      Flag("claims", .text, "", "The claims of the request's token, as JSON"),
      Flag("inbound", .truth, "false", "The request comes to the proxy, not from it"),
      Flag("mtls", .truth, "false", "The client is a sidecar with mutual TLS"),
      Origin.daemonFlag, Origin.outputFlag,
    ]
  ) { context in
    guard context.line.words.count == 2 else {
      throw FlagError(
        "Which request? Give a proxy and a URL, such as reviews-v1.default http://ratings:9080/.")
    }
    let line = context.line
    var query = [("proxyID", line.words[0]), ("url", line.words[1]), ("method", line["method"])]
    if !line["header"].isEmpty { query.append(("headers", line["header"])) }
    if !line["claims"].isEmpty { query.append(("claims", line["claims"])) }
    if line.isTrue("inbound") { query.append(("direction", "inbound")) }
    if line.isTrue("mtls") { query.append(("mtls", "true")) }
    let text = query.map { "\($0.0)=\(Origin.escaped($0.1))" }.joined(separator: "&")
    let page = try await context.daemonJSON("/debug/explain?format=json&" + text)
    return try context.output(ExplanationReport(page).text, page)
  }
}

extension CommandContext {
  /// The control plane's name: what `--istiod` says, without scheme.
  fileprivate var daemonName: String {
    let address = line["istiod"]
    guard let scheme = address.firstRange(of: "://") else { return address }
    return String(address[scheme.upperBound...].prefix { $0 != "/" })
  }

  /// What a proxy has against what it was served.
  fileprivate func comparison() async throws -> String {
    guard !line["envoy"].isEmpty || !line["file"].isEmpty else {
      throw FlagError(
        "What does \(try proxyName) have? Give its admin page by --envoy ADDRESS, or a dump of it by --file."
      )
    }
    return DumpComparison.text(served: try await servedDump(), proxy: try await dump())
  }
}
