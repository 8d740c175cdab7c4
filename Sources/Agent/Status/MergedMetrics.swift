// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTPServer
import JSON
import Logging
import Metrics

/// The metrics of the agent, of Envoy and of the application on one page, so that Prometheus scrapes a
/// workload once, and in plaintext where the application's port takes mutual TLS alone.
struct MergedMetrics: Sendable {
  /// Where the application has its metrics (`ISTIO_PROMETHEUS_ANNOTATIONS`).
  struct Application: Equatable, Sendable {
    var port: UInt16
    var path: String

    /// What the injector wrote: the Pod's `prometheus.io/…` annotations; nil where they say no.
    ///
    /// - Throws: What of it cannot be used.
    init?(_ text: String?, statusPort: Int) throws(AgentError) {
      guard let text, !text.isEmpty else { return nil }
      let name = "ISTIO_PROMETHEUS_ANNOTATIONS"
      guard let value = try? JSONValue(parsing: text), value.object != nil else {
        throw AgentError("\(name) is no JSON object")
      }
      if value["scrape"]?.string == "false" { return nil }
      let port = value["port"]?.string ?? ""
      guard let number = UInt16(port.isEmpty ? "80" : port), number > 0 else {
        throw AgentError("\(name).port is \"\(port)\", which is no port")
      }
      guard Int(number) != statusPort else {
        throw AgentError(
          "\(name).port is \(number), the agent's own, which would ask itself without end")
      }
      self.port = number
      let path = value["path"]?.string ?? ""
      self.path = path.isEmpty ? "/metrics" : path.hasPrefix("/") ? path : "/" + path
    }
  }

  let metrics: AgentMetrics
  /// Envoy's page; nil where there is no Envoy.
  let envoy: EnvoyAdmin?
  let application: Application?
  let log: Logger

  /// How long a part may take where the scrape does not say how long it will wait.
  private static let patience = Duration.seconds(10)

  /// The page.
  func respond(to request: HTTPRequest) async -> HTTPResponse {
    metrics.scrapes.increment()
    let given = request.headers["X-Prometheus-Scrape-Timeout-Seconds"].flatMap(Double.init)
    let timeout =
      given.flatMap { $0 > 0 && $0 < 600 ? .seconds($0) : nil } ?? MergedMetrics.patience
    async let ofEnvoy = envoyPart(request, timeout)
    async let ofApplication = applicationPart(request, timeout)
    let (proxy, workload) = await (ofEnvoy, ofApplication)
    let parts = [Array(metrics.text.utf8), proxy, workload?.body ?? []]
    let type = MergedMetrics.contentType(workload?.type)
    return HTTPResponse(
      status: 200, headers: ["Content-Type": type],
      body: parts.filter { !$0.isEmpty }.map { ByteSlice(SharedBytes($0)) })
  }

  private func envoyPart(_ request: HTTPRequest, _ timeout: Duration) async -> [UInt8] {
    guard let envoy else { return [] }
    let query = MergedMetrics.query(request.query)
    if let text = await envoy.metrics(query: query, timeout: timeout) { return text }
    log.error("Envoy's metrics cannot be had")
    metrics.scrapeFailures.increment(["envoy"])
    return []
  }

  private func applicationPart(
    _ request: HTTPRequest, _ timeout: Duration
  ) async -> (body: [UInt8], type: String)? {
    guard let application else { return nil }
    let address = SocketAddress(IPAddress(bytes: [127, 0, 0, 1]), application.port)
    var call = HTTPCall(address: address, target: application.path)
    call.host = "localhost:\(application.port)"
    call.timeout = timeout
    for name in ["Accept", "User-Agent", "X-Prometheus-Scrape-Timeout-Seconds"] {
      if let value = request.headers[name] { call.headers.append((name, value)) }
    }
    do throws(AgentError) {
      let answer = try await call.answer()
      guard answer.status == 200 else { throw AgentError("it answers \(answer.status)") }
      return (answer.body, answer["content-type"] ?? "")
    } catch {
      log.error("the application's metrics cannot be had: \(error)")
      metrics.scrapeFailures.increment(["application"])
      return nil
    }
  }

  /// The type of the whole: OpenMetrics where the application's part, which stands at the end, is.
  static func contentType(_ application: String?) -> String {
    let parts = (application ?? "").split(separator: ";").map { part in
      String(part.drop { $0 == " " })
    }
    guard parts.first == "application/openmetrics-text" else {
      return "text/plain; version=0.0.4; charset=utf-8"
    }
    let version = parts.first { $0.hasPrefix("version=") } ?? "version=0.0.1"
    return "application/openmetrics-text; \(version); charset=utf-8"
  }

  /// A query as it goes over the wire; empty where there is none.
  static func query(_ items: [HTTPRequest.QueryItem]) -> String {
    let text = items.map { item in
      item.value.isEmpty ? escaped(item.name) : "\(escaped(item.name))=\(escaped(item.value))"
    }
    return text.isEmpty ? "" : "?" + text.joined(separator: "&")
  }

  private static func escaped(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { result, byte in
      let scalar = Unicode.Scalar(byte)
      if scalar.isASCII,
        scalar.properties.isAlphabetic || "0123456789-._~".unicodeScalars.contains(scalar)
      {
        result.unicodeScalars.append(scalar)
      } else {
        result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
  }
}
