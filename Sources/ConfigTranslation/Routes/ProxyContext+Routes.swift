// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import MeshModel

extension ProxyContext {
  /// The route configuration of a name, as the proxy's listeners name it.
  ///
  /// Any name is answered: one that means nothing has no virtual hosts. Nil for kinds of proxies
  /// that are not served yet, and where a gRPC application names no cluster.
  public func route(_ name: String) -> EncodedResource? {
    switch node.kind {
    case .sidecar:
      let routes = SidecarRoutes(self)
      guard node.isProxyless else { return routes.configuration(name) }
      return routes.proxylessInputs(name).map { cache.resource($0) }
    case .router:
      return GatewayRoutes(self, gateways: gateways).configuration(name)
    case .waypoint, .ztunnel: return nil
    }
  }
}

extension ProxyContext {
  /// The names of the route configurations that the proxy's listeners refer to, sorted.
  public func routeNames() -> [String] {
    let all = listeners() + gatewayListeners()
    return Set(all.flatMap(RouteReferences.routes)).sorted()
  }
}
