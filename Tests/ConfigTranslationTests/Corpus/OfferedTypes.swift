// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import JSON
import MeshModel

/// A type of resource that translation offers, as a corpus dump has it in a file.
struct OfferedType: Sendable {
  /// The name of the file without its ending, such as `cds`.
  var file: String
  /// What a proxy is given.
  var resources: @Sendable (ProxyContext) -> [EncodedResource]

  /// One line a type.
  static let all: [OfferedType] = [
    OfferedType(file: "cds") { $0.clusters() },
    OfferedType(file: "eds") { context in
      let names = context.clusters().compactMap(ClusterReferences.endpoints)
      return names.compactMap(context.endpoints)
    },
    OfferedType(file: "lds") { context in
      guard context.node.generator != "grpc" else { return context.proxylessListeners(named: []) }
      return context.listeners() + context.gatewayListeners()
    },
    OfferedType(file: "rds") { context in context.routeNames().compactMap(context.route) },
    OfferedType(file: "nds") { context in
      context.node.metadata["DNS_CAPTURE"] == nil ? [] : [context.nameTable()]
    },
  ]
}
