// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import MeshModel

/// Which part of translation makes which type of resource.
extension ProxyContext {
  /// All resources of a type that a wildcard subscription covers; many proxies may share the list.
  func wildcard(_ type: ResourceType) -> ResourceList {
    switch type {
    case .cluster: clusterList()
    case .listener where isProxyless: .empty
    case .listener where node.kind == .router: ResourceList(gatewayListeners())
    case .listener: listenerList()
    case .nameTable: ResourceList([nameTable()])
    case .proxyConfig: ResourceList([trustBundle()].compactMap(\.self))
    default: .empty
    }
  }

  /// Whether resources of a type are made one by one as they are asked for.
  func isMadeByName(_ type: ResourceType) -> Bool {
    switch type {
    case .endpoint, .route, .secret: true
    case .listener: isProxyless
    default: false
    }
  }

  /// The resource of a name, of a type that is made one by one.
  func single(_ type: ResourceType, _ name: String) -> EncodedResource? {
    switch type {
    case .endpoint: endpoints(name)
    case .route: route(name)
    case .secret: secret(name)
    case .listener: proxylessListeners(named: [name]).first { $0.name == name }
    default: nil
    }
  }

  /// Whether the client is gRPC itself (`GENERATOR: grpc`), which asks for listeners by name.
  private var isProxyless: Bool { node.generator == "grpc" }
}
