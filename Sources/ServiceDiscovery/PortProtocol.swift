// SPDX-License-Identifier: Apache-2.0

/// What is spoken on a port of a service; the raw value is Istio's name.
public enum PortProtocol: String, Hashable, Sendable, CaseIterable {
  /// HTTP/1.1.
  case http = "HTTP"
  /// HTTP/2 without TLS.
  case http2 = "HTTP2"
  /// gRPC.
  case grpc = "GRPC"
  /// gRPC for browsers.
  case grpcWeb = "GRPC-Web"
  /// A port of a Sidecar's egress that takes requests for any host.
  case httpProxy = "HTTP_PROXY"
  /// HTTP inside TLS that the application ends.
  case https = "HTTPS"
  /// TLS with SNI that the application ends.
  case tls = "TLS"
  /// Any bytes.
  case tcp = "TCP"
  /// Datagrams; the proxy does not handle them.
  case udp = "UDP"
  /// MongoDB.
  case mongo = "Mongo"
  /// Redis.
  case redis = "Redis"
  /// MySQL.
  case mysql = "MySQL"
  /// Not declared: the proxy looks at the first bytes.
  case unsupported = "UnsupportedProtocol"

  /// The protocol of a name as Istio reads it, in any case of letters.
  public init(name: some StringProtocol) {
    let lowered = name.lowercased()
    self = Self.declarable.first { $0.rawValue.lowercased() == lowered } ?? .unsupported
  }

  /// The protocol of a port of a Kubernetes Service.
  ///
  /// `appProtocol` counts before the port's name, of which the part before the first `-` counts;
  /// well-known ports whose server speaks first are TCP and never sniffed.
  public init(port: Int32, name: String, transport: String, appProtocol: String?) {
    if transport == "UDP" {
      self = .udp
      return
    }
    switch appProtocol {
    case "kubernetes.io/h2c": self = .http2
    case "kubernetes.io/ws": self = .http
    case "kubernetes.io/wss": self = .https
    default:
      let declared = (appProtocol ?? name).lowercased()
      if declared.hasPrefix("grpc-web") {
        self = .grpcWeb
        return
      }
      let parsed = PortProtocol(name: declared.prefix { $0 != "-" })
      self = parsed == .unsupported && Self.serverFirstPorts.contains(port) ? .tcp : parsed
    }
  }

  private static let declarable = allCases.filter { $0 != .unsupported }
  /// SMTP, DNS, MySQL, MongoDB.
  private static let serverFirstPorts: Set<Int32> = [25, 53, 3306, 27017]

  /// Whether requests are routed.
  public var isHTTP: Bool {
    switch self {
    case .http, .http2, .grpc, .grpcWeb, .httpProxy: true
    default: false
    }
  }
  /// Whether requests are routed in HTTP/2 to the application.
  public var isHTTP2: Bool { self == .http2 || self == .grpc || self == .grpcWeb }
  /// Whether connections are routed.
  public var isTCP: Bool {
    switch self {
    case .tcp, .https, .tls, .mongo, .redis, .mysql: true
    default: false
    }
  }
  /// Whether connections are routed by their SNI.
  public var isTLS: Bool { self == .https || self == .tls }
  /// Whether the proxy finds out by itself.
  public var isSniffed: Bool { self == .unsupported }
  /// Whether requests are routed, or may be once sniffed.
  public var isHTTPOrSniffed: Bool { isHTTP || isSniffed }
}
