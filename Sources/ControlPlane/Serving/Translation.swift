// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import MeshModel

/// Which part of translation makes which type of resource.
extension ProxyContext {
  /// All resources of a type that a wildcard subscription covers, in any order, no name twice.
  func wildcard(_ type: ResourceType) -> [EncodedResource] {
    switch type {
    case .cluster: clusters()
    case .listener: node.kind == .router ? gatewayListeners() : listeners()
    default: []
    }
  }

  /// Whether resources of a type are made one by one as they are asked for.
  func isMadeByName(_ type: ResourceType) -> Bool {
    switch type {
    case .endpoint, .route, .secret: true
    default: false
    }
  }

  /// The resource of a name, of a type that is made one by one.
  func single(_ type: ResourceType, _ name: String) -> EncodedResource? {
    switch type {
    case .endpoint: endpoints(name)
    case .route: route(name)
    case .secret: secret(name)
    default: nil
    }
  }
}
