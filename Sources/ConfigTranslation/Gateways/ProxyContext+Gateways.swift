// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import MeshModel

extension ProxyContext {
  /// The listeners of a gateway, by name; none for other proxies.
  public func gatewayListeners() -> [EncodedResource] {
    guard node.kind == .router else { return [] }
    var listeners = GatewayListeners(self, gateways: gateways)
    return listeners.inputs().map { cache.resource($0) }.sorted { $0.name < $1.name }
  }
}
