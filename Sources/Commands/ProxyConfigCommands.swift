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
      "cluster", "Show the clusters that a proxy has", clusterFlags
    ) { context in
      let report = ClusterReport(try await context.dump(), context.clusterFilter)
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
        verboseFlag,
      ]
    ) { context in
      let report = ListenerReport(try await context.dump(), context.listenerFilter)
      let table = report.table(isVerbose: context.line.isTrue("verbose"))
      return try context.output(table.text, .array(report.listeners))
    },
    view(
      "route", "Show the routes that a proxy has",
      [Flag("name", .text, "", "Only the route configuration of this name"), verboseFlag]
    ) { context in
      let report = RouteReport(try await context.dump(), name: context.line["name"])
      let table = report.table(isVerbose: context.line.isTrue("verbose"))
      return try context.output(table.text, .array(report.routes))
    },
    view("secret", "Show the certificates that a proxy has; never a private key", []) { context in
      let dump = try await context.dump()
      return try context.output(dump.certificates.text, .array(dump.secretRows))
    },
    view("bootstrap", "Show what an Envoy was started with", [], output: "json") { context in
      guard let bootstrap = try await context.dump().bootstrap else {
        throw FlagError(
          "There is no bootstrap in it: ask the Envoy by --envoy ADDRESS, or give its dump by --file."
        )
      }
      return try context.output(BootstrapReport(bootstrap).text, bootstrap)
    },
    view("ecds", "Show the extensions that a proxy has", []) { context in
      let dump = try await context.dump()
      return try context.output(
        ExtensionReport(dump).table.text, dump.extensionSection ?? .object(JSONObject()))
    },
    view(
      "all", "Show the whole dump of a proxy, or all tables",
      clusterFlags + [
        Flag("address", .text, "", "Only listeners and endpoints at this address"),
        Flag("type", .text, "", "Only listeners of this type: HTTP, TCP, HTTP+TCP"),
        Flag("name", .text, "", "Only the route configuration of this name"),
        Flag("with-headers", .truth, "false", "Say what each table is of"), verboseFlag,
      ]
    ) { context in
      let dump = try await context.dump()
      return try context.output(context.tables(of: dump), dump.value)
    },
  ]

  private static let verboseFlag = Flag(
    "verbose", .truth, "true", "Show what is in each, not how many there are")
  private static let clusterFlags = [
    Flag("fqdn", .text, "", "Only clusters with this in their host"),
    Flag("port", .number, "0", "Only clusters of this port"),
    Flag("subset", .text, "", "Only clusters with this in their subset"),
    Flag("direction", .text, "", "Only inbound or outbound clusters"),
  ]

  private static let endpointFlags = [
    Flag("address", .text, "", "Only endpoints at this address"),
    Flag("ip", .text, "", "The same"),
    Flag("port", .number, "0", "Only endpoints at this port"),
    Flag("cluster", .text, "", "Only endpoints of this cluster"),
    Flag("status", .text, "", "Only endpoints of this health, such as healthy"),
  ]

  private static func view(
    _ name: String, _ help: String, _ flags: [Flag], output: String = "table",
    _ run: @escaping @Sendable (CommandContext) async throws -> String
  ) -> Command {
    Command(
      name: "proxy-config " + name, operands: ["PROXY"], help: help,
      flags: flags + [
        Origin.daemonFlag, Origin.envoyFlag, Origin.fileFlag,
        Flag("output", .text, output, short: "o", "table, short, json or yaml"),
        Flag("namespace", .text, "", short: "n", "The proxy's namespace"),
      ] + Origin.habits,
      run: run)
  }
}

extension CommandContext {
  fileprivate var port: Int64 { Int64(line["port"]) ?? 0 }

  fileprivate var endpointFilter: EndpointFilter {
    var filter = EndpointFilter()
    filter.address = line["address"].isEmpty ? line["ip"] : line["address"]
    filter.port = port
    filter.cluster = line["cluster"]
    filter.status = line["status"]
    return filter
  }

  fileprivate var clusterFilter: ClusterReport.Filter {
    var filter = ClusterReport.Filter()
    filter.host = line["fqdn"]
    filter.port = port
    filter.subset = line["subset"]
    filter.direction = line["direction"]
    return filter
  }

  fileprivate var listenerFilter: ListenerReport.Filter {
    var filter = ListenerReport.Filter()
    filter.address = line["address"]
    filter.port = port
    filter.type = line["type"]
    return filter
  }

  /// The tables of all kinds, as istioctl has them.
  fileprivate func tables(of dump: ProxyDump) -> String {
    var endpoints = EndpointFilter()
    endpoints.address = line["address"]
    endpoints.port = port
    let isVerbose = line.isTrue("verbose")
    let parts: [(title: String, text: String)] = [
      ("BOOTSTRAP INFO", dump.bootstrap.map { BootstrapReport($0).text } ?? ""),
      ("CLUSTER INFO", ClusterReport(dump, clusterFilter).typedTable.text),
      (
        "LISTENER INFO",
        ListenerReport(dump, listenerFilter).table(isVerbose: isVerbose, isTyped: true).text
      ),
      (
        "ROUTE INFO",
        RouteReport(dump, name: line["name"]).table(isVerbose: isVerbose, isTyped: true).text
      ),
      ("SECRET INFO", dump.certificates.text(isTyped: true)),
      ("ENDPOINTS INFO", EndpointReport(dump, endpoints).typedTable.text),
    ]
    return parts.map { part in
      (line.isTrue("with-headers") ? "------ \(part.title) ------\n\n" : "") + part.text
    }.joined(separator: "\n")
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
      try await daemonJSON("/debug/config_dump?proxyID=" + Origin.escaped(try proxyName)))
  }

  /// The proxy that the operand names: as `NAME.NAMESPACE`, `pod/NAME.NAMESPACE`, or a name in the
  /// namespace of a flag.
  var proxyName: String {
    get throws(FlagError) {
      var name = operand
      if let slash = name.firstIndex(of: "/") {
        let kind = name[..<slash]
        if ["deployment", "deploy", "statefulset", "sts", "service", "svc"].contains(kind) {
          throw FlagError("Which of its Pods? Give the name of one, as proxy-status lists them.")
        }
        if ["pod", "pods", "po"].contains(kind) {
          name = String(name[name.index(after: slash)...])
        }
      }
      let namespace = line["namespace"]
      return namespace.isEmpty || name.contains(".") ? name : "\(name).\(namespace)"
    }
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

extension ProxyDump {
  /// The certificates that it has.
  fileprivate var certificates: SecretReport {
    SecretReport(
      self, now: Int64(time(nil)), facts: CertificateText.facts, time: CertificateText.time)
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
