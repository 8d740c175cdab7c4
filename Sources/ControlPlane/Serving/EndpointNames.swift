// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import DiscoveryProtocol
import MeshModel
import ServiceDiscovery

/// The names of endpoint resources that are made of a service's endpoints.
enum EndpointNames {
  /// What a change of the store means for streams.
  static func scope(of change: StoreChange, in snapshot: MeshSnapshot) -> PushScope {
    guard !change.isEverything else { return .everything }
    return PushScope(
      configuration: change.configuration,
      endpoints: names(of: change.endpoints, in: snapshot),
      removesEndpoints: change.removesEndpoints, workloads: change.workloads)
  }

  /// Every name of these services' endpoints: a port, a subset, and the form of SNI.
  static func names(of services: Set<ServiceKey>, in snapshot: MeshSnapshot) -> Set<String> {
    var names: Set<String> = []
    for key in services {
      guard let service = snapshot.registry.service(key) else { continue }
      let hosts = [service.hostname] + service.aliases.map(\.hostname)
      for host in hosts {
        for subset in subsets(of: host, in: snapshot) {
          for port in service.ports {
            let name = ClusterName(
              .outbound, port: port.number, subset: subset, host: host.text)
            names.insert(name.description)
            names.insert(name.serverName)
          }
        }
      }
    }
    return names
  }

  /// The subsets that any DestinationRule gives a host, and the whole.
  private static func subsets(of host: Hostname, in snapshot: MeshSnapshot) -> Set<String> {
    var subsets: Set<String> = [""]
    for rule in snapshot.config.destinationRules.all {
      let named = Hostname(
        valid: resolveShortName(
          rule.spec.host, namespace: rule.meta.namespace, settings: snapshot.settings))
      guard host == named || (named.isWildcard && host.isSubset(of: named)) else { continue }
      subsets.formUnion(rule.spec.subsets.map(\.name))
    }
    return subsets
  }
}
