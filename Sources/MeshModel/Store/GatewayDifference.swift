// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

/// How the gateways into networks differ between two snapshots.
struct GatewayDifference {
  /// The networks that are reached otherwise.
  private(set) var networks: Set<String>
  /// Whether every weight differs, by the scale that lets gateways share it.
  private(set) var concernsAll: Bool
  /// Whether some gateway is gone.
  private(set) var removes: Bool

  /// The difference between what was and what is.
  init(_ old: NetworkGateways, _ new: NetworkGateways) {
    let all = old.networks.union(new.networks)
    networks = all.filter { old.gateways(into: $0) != new.gateways(into: $0) }
    concernsAll = old.scale != new.scale || old.isEmpty != new.isEmpty
    removes = all.contains { network in
      !Set(old.gateways(into: network)).isSubset(of: new.gateways(into: network))
    }
  }

  /// The services whose endpoints proxies see differently.
  func services(of registry: ServiceRegistry) -> Set<ServiceKey> {
    let found = registry.endpointsByService.filter { _, endpoints in
      concernsAll || endpoints.contains { networks.contains($0.workload.facts.network) }
    }
    return Set(found.keys)
  }
}
