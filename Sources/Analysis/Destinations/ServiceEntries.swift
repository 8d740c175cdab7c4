// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

extension Analyzer {
  /// Ports of bytes without an address: all such services of a port would be one.
  static func missingAddresses(_ input: AnalysisInput) -> [Finding] {
    let metadata = input.mesh.settings.mesh.defaultConfig?.proxyMetadata ?? [:]
    let isAllocated =
      metadata["ISTIO_META_DNS_CAPTURE"] == "true"
      && (metadata["ISTIO_META_DNS_AUTO_ALLOCATE"] == "true"
        || metadata["PILOT_ENABLE_IP_AUTOALLOCATE"] == "true")
    guard !isAllocated else { return [] }
    return entries(input).flatMap { object -> [Finding] in
      guard object.spec.addresses.isEmpty else { return [] }
      return object.spec.ports.enumerated().compactMap { place, port in
        guard port.protocol.isEmpty || port.protocol.uppercased() == "TCP" else { return nil }
        return Finding(
          .addressesRequired, object.key, field: "spec.ports[\(place)].name",
          "ServiceEntry addresses are required for this protocol.")
      }
    }
  }

  /// Entries that give one port of a host different protocols, where somebody sees both.
  static func conflictingProtocols(_ input: AnalysisInput) -> [Finding] {
    typealias Object = ConfigObject<Istio.ServiceEntry>
    struct Claim: Hashable {
      var scope: String
      var host: String
      var port: UInt32
    }
    var claims: [Claim: [(spoken: String, object: Object)]] = [:]
    for object in entries(input) {
      for scope in scopes(of: object.spec.exportTo, in: object.meta.namespace) {
        for host in object.spec.hosts {
          for port in object.spec.ports {
            claims[Claim(scope: scope, host: host, port: port.number), default: []]
              .append((port.protocol.uppercased(), object))
          }
        }
      }
    }
    var reported: Set<ObjectKey> = []
    var found: [Finding] = []
    for (claim, own) in claims.sorted(by: {
      ($0.key.host, $0.key.scope) < ($1.key.host, $1.key.scope)
    }) {
      var rivals = own
      if claim.scope != "*" {
        rivals += claims[Claim(scope: "*", host: claim.host, port: claim.port)] ?? []
      }
      let protocols = Set(rivals.map(\.spoken))
      guard protocols.count > 1 else { continue }
      let names = Set(rivals.map(\.object.fullName)).sorted().joined(separator: ", ")
      let list = protocols.sorted().joined(separator: ", ")
      for (_, object) in rivals where reported.insert(object.key).inserted {
        found.append(
          Finding(
            .conflictingProtocols, object.key, field: "spec.ports",
            "Multiple ServiceEntries (\(names)) define the same host \(quoted(claim.host)) and port "
              + "\(claim.port) with conflicting protocols (\(list))."))
      }
    }
    return found
  }

  private static func entries(_ input: AnalysisInput) -> [ConfigObject<Istio.ServiceEntry>] {
    input.mesh.registry.sources.tables.serviceEntries.values.sorted {
      $0.meta.isOlder(than: $1.meta)
    }
  }
}
