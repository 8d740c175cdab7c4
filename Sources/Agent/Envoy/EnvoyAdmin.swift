// SPDX-License-Identifier: Apache-2.0

/// Envoy's admin page, which is on this machine's loopback.
struct EnvoyAdmin: Sendable {
  private let address: SocketAddress

  /// The page at a port of IPv4's loopback.
  init(port: Int) {
    address = SocketAddress(IPAddress(bytes: [127, 0, 0, 1]), UInt16(truncatingIfNeeded: port))
  }

  /// Whether Envoy serves: it has been given all that it waits for at its start.
  var isReady: Bool { get async { await call("GET", "/ready")?.status == 200 } }

  /// Asks Envoy to finish what is under way; new connections are served until it ends.
  ///
  /// - Parameters:
  ///   - isInboundOnly: Whether what the workload itself asks for goes on (sidecars).
  ///   - endsBySelf: Whether Envoy ends when its own time for draining is over.
  func drain(isInboundOnly: Bool, endsBySelf: Bool) async {
    let path =
      "/drain_listeners?graceful" + (endsBySelf ? "" : "&skip_exit")
      + (isInboundOnly ? "&inboundonly" : "")
    _ = await call("POST", path)
  }

  /// Envoy's metrics in Prometheus' format; nil where it does not answer.
  ///
  /// - Parameter query: What follows the path, with its question mark.
  func metrics(query: String, timeout: Duration) async -> [UInt8]? {
    let answer = await call("GET", "/stats/prometheus" + query, timeout: timeout)
    return answer?.status == 200 ? answer?.body : nil
  }

  /// How many connections of clients are open; nil where Envoy does not say.
  ///
  /// - Parameter ports: The ports whose connections are not clients'.
  func activeConnections(without ports: [Int]) async -> Int? {
    let path = "/stats?usedonly&filter=downstream_cx_active$"
    guard let answer = await call("GET", path, timeout: .seconds(2)), answer.status == 200 else {
      return nil
    }
    return EnvoyAdmin.connections(String(decoding: answer.body, as: UTF8.self), without: ports)
  }

  /// The sum of the gauges `listener.ADDRESS.downstream_cx_active` of listeners that serve clients.
  static func connections(_ text: String, without ports: [Int]) -> Int {
    let ours = ports.map { "_\($0).downstream_cx_active" }
    return text.split(separator: "\n").reduce(0) { sum, line in
      guard line.hasPrefix("listener."), !line.hasPrefix("listener.admin."),
        !line.contains("worker_"), let colon = line.lastIndex(of: ":"),
        !ours.contains(where: { line[..<colon].hasSuffix($0) })
      else { return sum }
      return sum + (Int(line[colon...].dropFirst().drop { $0 == " " }) ?? 0)
    }
  }

  private func call(
    _ method: String, _ path: String, timeout: Duration = .seconds(1)
  ) async -> HTTPCall.Answer? {
    var call = HTTPCall(address: address, target: path)
    (call.method, call.timeout) = (method, timeout)
    return try? await call.answer()
  }
}
