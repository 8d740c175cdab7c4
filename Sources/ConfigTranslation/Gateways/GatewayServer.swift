// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

/// A server of a Gateway on a port of the proxy.
struct GatewayServer: Hashable, Sendable {
  /// The Gateway.
  var gateway: ObjectKey
  /// The server, its hosts with `.` and `*` as namespaces resolved.
  var server: Istio.Server
  /// The name of the route configuration; empty where requests are not routed.
  var routeName: String

  /// The Gateway as VirtualServices name it.
  var gatewayName: String { "\(gateway.namespace)/\(gateway.name)" }
  /// The port that clients ask for, which is not always the one that the proxy listens on.
  var portNumber: UInt32 { server.port?.number ?? 0 }
  /// What is spoken.
  var portProtocol: PortProtocol { PortProtocol(name: server.port?.protocol ?? "") }

  /// Whether TLS goes through to the destination.
  var isPassthrough: Bool { server.tls?.mode == .passthrough || isAutoPassthrough }
  /// Whether TLS goes through by the cluster's name in SNI.
  var isAutoPassthrough: Bool { server.tls?.mode == .autoPassthrough }
  /// Whether requests are routed: plain ones, or those whose TLS ends here.
  var isHTTP: Bool { portProtocol.isHTTP || portProtocol == .https && !isPassthrough }
  /// Whether requests are routed whose TLS ends here.
  var isHTTPSTermination: Bool { server.tls != nil && portProtocol == .https && !isPassthrough }
  /// Whether there is TLS: a redirect to it is none.
  var isTLS: Bool { server.tls != nil && !portProtocol.isHTTP }

  /// The names in SNI, sorted; hosts without their namespaces.
  var serverNames: [String] {
    guard server.tls != nil else { return [] }
    return Set(server.hosts.map { GatewayServer.split($0).host }).sorted()
  }

  /// The hosts that VirtualServices of a namespace may be bound to.
  func hosts(for namespace: String) -> [Hostname] {
    server.hosts.compactMap { text in
      let parts = GatewayServer.split(text)
      guard [nil, namespace, "*"].contains(parts.namespace) else { return nil }
      return Hostname(valid: parts.host)
    }
  }

  /// `namespace/host`, of which the namespace may be absent.
  static func split(_ text: String) -> (namespace: String?, host: String) {
    guard let slash = text.firstIndex(of: "/") else { return (nil, text) }
    return (String(text[..<slash]), String(text[text.index(after: slash)...]))
  }
}

extension Istio.Server {
  /// The server with `./host` as `namespace/host`, and `*/host` as `host`.
  func resolvingHosts(namespace: String) -> Istio.Server {
    var server = self
    if hosts.contains("*/*") {
      server.hosts = ["*"]
      return server
    }
    server.hosts = hosts.map { text in
      let parts = GatewayServer.split(text)
      switch parts.namespace {
      case ".": return "\(namespace)/\(parts.host)"
      case "*": return parts.host
      default: return text
      }
    }
    return server
  }
}
