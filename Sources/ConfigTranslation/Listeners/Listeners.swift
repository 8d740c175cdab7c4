// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import Configuration
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// The listeners of a sidecar, by name; none for other proxies, nor for gRPC without a proxy
  /// (``proxylessListeners(named:)``).
  public func listeners() -> [EncodedResource] { listenerList().elements }

  /// The same, as one list for all proxies for which it is equal.
  public func listenerList() -> ResourceList {
    guard node.kind == .sidecar, node.generator != "grpc", settings.mesh.proxyListenPort > 0 else {
      return .empty
    }
    let environment = Shared(filterEnvironment())
    var own = inboundListeners(environment).map { cache.resource($0) }
    if let listener = httpProxyListener(environment) { own.append(cache.resource(listener)) }
    if let listener = virtualOutboundListener(environment) {
      own.append(cache.resource(listener))
    }
    return cache.merged(sharedListeners(environment), with: own.sortedByName())
  }

  /// The listeners of the services that the proxy sees.
  private func sharedListeners(_ environment: Shared<FilterEnvironment>) -> ResourceList {
    let (context, proxy) = ofClass
    let key = ListenerListKey(
      proxy: proxy, environment: environment, scope: ScopeKey(outbound),
      connectionRules: outbound.connectionRulesTag, endpoints: mesh.registry.directTag)
    return cache.gathered.listeners.value(key) {
      let made = context.outboundListeners(environment).map { cache.resource($0) }
      return ResourceList(made.sorted { $0.name < $1.name })
    }
  }
}
