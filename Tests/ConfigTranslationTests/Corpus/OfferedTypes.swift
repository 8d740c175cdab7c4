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
    OfferedType(file: "sds") { context in
      let asking = context.clusters() + context.listeners() + context.gatewayListeners()
      return Set(asking.flatMap { secretNames(in: $0.json()) }).sorted().compactMap(context.secret)
    },
    OfferedType(file: "nds") { context in
      context.node.metadata["DNS_CAPTURE"] == nil ? [] : [context.nameTable()]
    },
  ]
}

/// The secrets that a resource asks for on the stream that it came on.
private func secretNames(in value: JSONValue) -> [String] {
  switch value {
  case .array(let values): return values.flatMap(secretNames)
  case .object(let object):
    let own = object["sds_config"]?["ads"] == nil ? nil : object["name"]?.string
    return (own.map { [$0] } ?? []) + object.members.flatMap { secretNames(in: $0.value) }
  default: return []
  }
}
