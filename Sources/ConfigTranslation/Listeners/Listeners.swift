// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import Configuration
import MeshModel

extension ProxyContext {
  /// The listeners of a sidecar, by name; none for other proxies, nor for gRPC without a proxy
  /// (``proxylessListeners(named:)``).
  public func listeners() -> [EncodedResource] {
    guard node.kind == .sidecar, node.generator != "grpc", settings.mesh.proxyListenPort > 0 else {
      return []
    }
    let environment = Shared(filterEnvironment())
    var made = inboundListeners(environment).map { cache.resource($0) }
    made += outboundListeners(environment).map { cache.resource($0) }
    if let listener = httpProxyListener(environment) { made.append(cache.resource(listener)) }
    if let listener = virtualOutboundListener(environment) {
      made.append(cache.resource(listener))
    }
    return made.sorted { $0.name < $1.name }
  }
}
