// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTPServer
import JSON

/// The probes of the workload's own containers, which the kubelet sends to the agent where mutual TLS
/// would refuse them (`ISTIO_KUBE_APP_PROBERS`).
struct AppProbes: Sendable {
  /// One probe as Kubernetes' Pod has it.
  struct Probe: Equatable, Sendable {
    /// What is asked.
    enum Action: Equatable, Sendable {
      case http(port: UInt16, path: String, isSecure: Bool)
      case tcp(port: UInt16)
      case grpc(port: UInt16, service: String)
    }

    var action: Action
    var timeout: Duration
  }

  private let probes: [String: Probe]
  /// The workload's own address.
  private let destination: IPAddress
  /// The port that probes come to.
  private let statusPort: Int

  /// The most of an application's answer that is passed on, in bytes (Kubernetes: 10 KiB).
  private static let bodyLimit = 10 << 10

  /// The probes of the variable's text.
  ///
  /// - Throws: What of it cannot be used, by path and field.
  init(_ text: String?, destination: IPAddress, statusPort: Int) throws(AgentError) {
    self.destination = destination
    self.statusPort = statusPort
    guard let text, !text.isEmpty else {
      probes = [:]
      return
    }
    guard let object = (try? JSONValue(parsing: text))?.object else {
      throw AgentError("ISTIO_KUBE_APP_PROBERS is no JSON object")
    }
    var probes: [String: Probe] = [:]
    for member in object.members {
      probes[member.key] = try AppProbes.probe(member.value, at: member.key)
    }
    self.probes = probes
  }

  /// The address that the agent connects from, which the capture of traffic lets pass by.
  static func source(for address: IPAddress) -> IPAddress {
    address.isVersion6
      ? IPAddress(bytes: [UInt8](repeating: 0, count: 15) + [6])
      : IPAddress(bytes: [127, 0, 0, 6])
  }

  private static func probe(_ value: JSONValue, at path: String) throws(AgentError) -> Probe {
    let error = { (reason: String) in
      AgentError("ISTIO_KUBE_APP_PROBERS has at \(path) what is no probe: \(reason)")
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let ends = ["livez", "readyz", "startupz", "prestopz", "poststartz"]
    guard parts.count == 4, parts[0].isEmpty, ["app-health", "app-lifecycle"].contains(parts[1]),
      !parts[2].isEmpty, ends.contains(String(parts[3]))
    else { throw error("the path is not /app-health/CONTAINER/(livez|readyz|startupz)") }
    let given = ["httpGet", "tcpSocket", "grpc"].filter { value[$0]?.object != nil }
    guard given.count == 1, let action = value[given[0]] else {
      throw error("one of httpGet, tcpSocket and grpc is needed")
    }
    guard let port = action["port"]?.integer.flatMap({ UInt16(exactly: $0) }), port > 0 else {
      throw error("\(given[0]).port is no number of a port")
    }
    let seconds = max(1, value["timeoutSeconds"]?.integer ?? 1)
    switch given[0] {
    case "httpGet":
      let path = action["path"]?.string ?? ""
      return Probe(
        action: .http(
          port: port, path: path.hasPrefix("/") ? path : "/" + path,
          isSecure: action["scheme"]?.string == "HTTPS"), timeout: .seconds(seconds))
    case "tcpSocket": return Probe(action: .tcp(port: port), timeout: .seconds(seconds))
    default:
      return Probe(
        action: .grpc(port: port, service: action["service"]?.string ?? ""),
        timeout: .seconds(seconds))
    }
  }

  /// The probe of a path.
  func probe(_ path: String) -> Probe? { probes[path] }

  /// Asks the application what the kubelet asks of it.
  func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard let probe = probes[request.path] else {
      return .text("app prober config does not exists for \(request.path)", status: 400)
    }
    switch probe.action {
    case .http(let port, let path, let isSecure):
      return await ask(port, path, isSecure: isSecure, within: probe.timeout, as: request)
    case .tcp(let port):
      let address = SocketAddress(destination, port)
      let local = AppProbes.source(for: destination)
      let isOpen = await AgentThread.value {
        do throws(AgentError) {
          _ = try StreamConnection(address, from: local, deadline: .now + probe.timeout)
          return true
        } catch {
          return false
        }
      }
      return HTTPResponse(status: isOpen == true ? 200 : 500)
    case .grpc(let port, let service):
      var call = HealthCall(address: SocketAddress(destination, port), service: service)
      (call.local, call.timeout) = (AppProbes.source(for: destination), probe.timeout)
      if let agent = request.headers["User-Agent"] { call.agent = agent }
      return HTTPResponse(status: await call.isServing() ? 200 : 500)
    }
  }

  /// Asks over HTTP, and follows redirections to the same host as the kubelet does; one to elsewhere
  /// is a success.
  private func ask(
    _ port: UInt16, _ path: String, isSecure: Bool, within timeout: Duration,
    as request: HTTPRequest
  ) async -> HTTPResponse {
    var call = HTTPCall(address: SocketAddress(destination, port), target: path)
    (call.isSecure, call.timeout) = (isSecure, timeout)
    call.local = AppProbes.source(for: destination)
    call.limit = 16 << 20
    call.host = host(request.headers["Host"], port)
    let ours = ["host", "connection", "content-length", "transfer-encoding"]
    call.headers = request.headers.fields.filter { !ours.contains($0.name.lowercased()) }
    for _ in 0..<10 {
      guard let answer = try? await call.answer() else { return HTTPResponse(status: 500) }
      guard (300..<400).contains(answer.status) else {
        let body = Array(answer.body.prefix(AppProbes.bodyLimit))
        return HTTPResponse(
          status: answer.status, contentType: answer["content-type"] ?? "text/plain", bytes: body)
      }
      guard let next = AppProbes.redirection(answer["location"] ?? "", of: call) else {
        return HTTPResponse(status: 200)
      }
      (call.target, call.isSecure, call.address.port) = (next.target, next.isSecure, next.port)
    }
    return HTTPResponse(status: 500)
  }

  /// Where a redirection to the same host leads; nil for one to elsewhere, or none.
  static func redirection(
    _ location: String, of call: HTTPCall
  ) -> (target: String, isSecure: Bool, port: UInt16)? {
    if location.hasPrefix("/"), !location.hasPrefix("//") {
      return (location, call.isSecure, call.address.port)
    }
    let schemes = [("http://", false), ("https://", true)]
    for (scheme, isSecure) in schemes where location.hasPrefix(scheme) {
      let rest = location.dropFirst(scheme.utf8.count)
      let authority = String(rest.prefix { $0 != "/" && $0 != "?" })
      guard HTTPCall.hostName(authority) == HTTPCall.hostName(call.host) else { return nil }
      let tail = rest.dropFirst(authority.count)
      let port = authority.dropFirst(HTTPCall.hostName(authority).count + 1)
      return (
        tail.hasPrefix("/") ? String(tail) : "/" + tail, isSecure,
        UInt16(port) ?? (isSecure ? 443 : 80)
      )
    }
    return nil
  }

  /// The host that the application sees: the kubelet's, with the application's port.
  private func host(_ given: String?, _ port: UInt16) -> String {
    guard let given, !given.isEmpty else { return SocketAddress(destination, port).description }
    return given.hasSuffix(":\(statusPort)") ? "\(HTTPCall.hostName(given)):\(port)" : given
  }
}
