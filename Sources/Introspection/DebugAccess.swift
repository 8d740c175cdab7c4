// SPDX-License-Identifier: Apache-2.0

import DiscoveryServer
public import HTTPServer
import MeshModel

/// Who may see which debug page, as istiod has it.
///
/// Callers on this machine see all. Others prove who they are, with the token that they would show
/// on the TLS port: those of the system's namespace see all, and those of other namespaces what
/// their own proxies are served.
public struct DebugAccess: Sendable {
  /// The namespaces of a caller that is not on this machine; nil where it proves none.
  public var namespaces: @Sendable (HTTPRequest) async -> [String]?
  /// The mesh's root namespace.
  public var systemNamespace: @Sendable () -> String
  /// Whether namespaces count (`ENABLE_DEBUG_ENDPOINT_AUTH`); else who proves anything sees all.
  public var isByNamespace = true
  /// The namespaces whose callers see every page, but of proxies only their own
  /// (`DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES`).
  public var allowedNamespaces: Set<String> = []

  /// Access by what callers prove.
  public init(
    systemNamespace: @escaping @Sendable () -> String,
    namespaces: @escaping @Sendable (HTTPRequest) async -> [String]?
  ) {
    self.systemNamespace = systemNamespace
    self.namespaces = namespaces
  }

  /// Only callers on this machine are answered.
  public static let loopbackOnly = DebugAccess(systemNamespace: { "" }, namespaces: { _ in nil })

  /// What became of a request for a page.
  enum Verdict: Hashable {
    case all
    /// Of pages about one proxy, those about proxies of this namespace.
    case proxies(of: String)
    /// With a status: 401 for who proves nothing, 403 for who may not.
    case refused(Int)
  }

  func verdict(_ request: HTTPRequest, on page: DebugPage) async -> Verdict {
    if request.peer.isLoopback { return .all }
    guard page.audience != .machine else { return .refused(403) }
    guard let namespace = await namespaces(request)?.first, !namespace.isEmpty else {
      return .refused(401)
    }
    guard isByNamespace, namespace != systemNamespace() else { return .all }
    if page.audience == .proxysNamespace { return .proxies(of: namespace) }
    guard allowedNamespaces.contains(namespace) else { return .refused(403) }
    return request.query("proxyID") == nil ? .all : .proxies(of: namespace)
  }
}

extension IntrospectionSources {
  /// The same, but of proxies only those of a namespace.
  func limited(toProxiesOf namespace: String) -> IntrospectionSources {
    var limited = self
    let own = { @Sendable [connections] in
      connections().filter { $0.node.namespace == namespace }
    }
    limited.connections = own
    limited.view = { [view] id in own().contains { $0.isNamed(id) } ? view(id) : nil }
    limited.resources = { [resources] id in
      own().contains { $0.isNamed(id) } ? resources(id) : nil
    }
    return limited
  }
}
