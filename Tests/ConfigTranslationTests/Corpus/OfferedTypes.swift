// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI

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
    OfferedType(file: "lds") { $0.listeners() + $0.gatewayListeners() },
    OfferedType(file: "rds") { context in context.routeNames().compactMap(context.route) },
  ]
}
