// SPDX-License-Identifier: Apache-2.0

import Configuration
import Cryptography
import Flags
import Glibc
import Inspection
import JSON

extension Command {
  /// `proxy-config …`: what a proxy has, by kind.
  static let proxyConfig: [Command] = [
    view(
      "cluster", "Show the clusters that a proxy has",
      [
        Flag("fqdn", .text, "", "Only clusters of this host"),
        Flag("port", .number, "0", "Only clusters of this port"),
        Flag("subset", .text, "", "Only clusters of this subset"),
        Flag("direction", .text, "", "Only inbound or outbound clusters"),
      ]
    ) { context in
      var filter = ClusterReport.Filter()
      filter.host = context.line["fqdn"]
      filter.port = context.port
      filter.subset = context.line["subset"]
      filter.direction = context.line["direction"]
      let report = ClusterReport(try await context.dump(), filter)
      return try context.output(report.table.text, .array(report.clusters))
    },
    view("endpoint", "Show the endpoints that a proxy has, with their health", endpointFlags) {
      context in
      guard let page = try await context.hosts() else {
        return try context.endpoints(try await context.dump())
      }
      let report = try HostReport(page, context.endpointFilter)
      return try context.output(report.table.text, .array(report.clusters))
    },
    view("eds", "Show the endpoints that a proxy was sent", endpointFlags) { context in
      try context.endpoints(try await context.dump())
    },
    view(
      "listener", "Show the listeners that a proxy has",
      [
        Flag("address", .text, "", "Only listeners at this address"),
        Flag("port", .number, "0", "Only listeners at this port"),
        Flag("type", .text, "", "Only listeners of this type: HTTP, TCP, HTTP+TCP"),
      ]
    ) { context in
      var filter = ListenerReport.Filter()
      filter.address = context.line["address"]
      filter.port = context.port
      filter.type = context.line["type"]
      let report = ListenerReport(try await context.dump(), filter)
      return try context.output(report.table.text, .array(report.listeners))
    },
    view(
      "route", "Show the routes that a proxy has",
      [Flag("name", .text, "", "Only the route configuration of this name")]
    ) { context in
      let report = RouteReport(try await context.dump(), name: context.line["name"])
      return try context.output(report.table.text, .array(report.routes))
    },
    view("secret", "Show the certificates that a proxy has; never a private key", []) { context in
      let dump = try await context.dump()
      let report = SecretReport(
        dump, now: Int64(time(nil)), facts: CertificateText.facts, time: CertificateText.time)
      return try context.output(report.text, .array(dump.secretRows))
    },
    view("all", "Show the whole dump of a proxy, or all tables", []) { context in
      let dump = try await context.dump()
      let tables = [
        ClusterReport(dump).table, ListenerReport(dump).table, RouteReport(dump).table,
        EndpointReport(dump).table,
      ]
      return try context.output(tables.map(\.text).joined(separator: "\n"), dump.value)
    },
  ]

  private static let endpointFlags = [
    Flag("ip", .text, "", "Only endpoints at this address"),
    Flag("port", .number, "0", "Only endpoints at this port"),
    Flag("cluster", .text, "", "Only endpoints of this cluster"),
    Flag("status", .text, "", "Only endpoints of this health, such as healthy"),
  ]

  private static func view(
    _ name: String, _ help: String, _ flags: [Flag],
    _ run: @escaping @Sendable (CommandContext) async throws -> String
  ) -> Command {
    Command(
      name: "proxy-config " + name, operands: ["PROXY"], help: help,
      flags: flags + [Origin.daemonFlag, Origin.envoyFlag, Origin.fileFlag, Origin.outputFlag],
      run: run)
  }
}

extension CommandContext {
  fileprivate var port: Int64 { Int64(line["port"]) ?? 0 }

  fileprivate var endpointFilter: EndpointFilter {
    var filter = EndpointFilter()
    filter.address = line["ip"]
    filter.port = port
    filter.cluster = line["cluster"]
    filter.status = line["status"]
    return filter
  }

  fileprivate func endpoints(_ dump: ProxyDump) throws -> String {
    let report = EndpointReport(dump, endpointFilter)
    return try output(report.table.text, .array(report.assignments))
  }

  /// The dump that the flags name: of a file, of an Envoy, or what the control plane served.
  func dump() async throws -> ProxyDump {
    if !line["file"].isEmpty { return try ProxyDump(try fileJSON()) }
    if !line["envoy"].isEmpty {
      return try ProxyDump(try await envoyJSON("/config_dump?include_eds"))
    }
    return try await servedDump()
  }

  /// What the control plane served the proxy that the operand names.
  func servedDump() async throws -> ProxyDump {
    guard !operand.isEmpty else {
      throw FlagError(
        "Which proxy? Give its name, such as reviews-v1.default, or --envoy ADDRESS, or --file DUMP."
      )
    }
    return try ProxyDump(
      try await daemonJSON("/debug/config_dump?proxyID=" + Origin.escaped(operand)))
  }

  /// Envoy's page of hosts, where an Envoy is asked or the file is such a page.
  fileprivate func hosts() async throws -> JSONValue? {
    // `nil` alone would be JSON's null, which is a page too.
    if !line["file"].isEmpty {
      let value = try fileJSON()
      return value["configs"] == nil ? value : Optional.none
    }
    return line["envoy"].isEmpty ? Optional.none : try await envoyJSON("/clusters?format=json")
  }
}

/// Certificates as a table shows them.
enum CertificateText {
  /// The first certificate of PEM in base64.
  static func facts(_ base64: String) -> CertificateFacts? {
    guard let pem = Base64.decode(base64), let certificate = try? Certificate(pem: pem) else {
      return nil
    }
    return CertificateFacts(
      serial: certificate.serial, notBefore: certificate.notBefore, notAfter: certificate.notAfter)
  }

  /// A time in UTC, as RFC 3339 writes it.
  static func time(_ seconds: Int64) -> String {
    var clock = time_t(seconds)
    var parts = tm()
    guard gmtime_r(&clock, &parts) != nil else { return "" }
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
