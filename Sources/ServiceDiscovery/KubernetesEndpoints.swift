// SPDX-License-Identifier: Apache-2.0

public import Configuration
import JSON

/// Makes the endpoints of a Kubernetes Service.
public enum KubernetesEndpoints {
  /// The endpoints of `service` in its `slices`.
  ///
  /// An endpoint whose Pod is not known yet is left out. In dual stack, a Pod with addresses
  /// of both families behind a service of both is one endpoint, under its IPv4 slice.
  public static func endpoints(
    of service: MeshService, slices: [ConfigObject<Kubernetes.EndpointSlice>],
    workloads: WorkloadIndex
  ) -> [MeshEndpoint] {
    var result: [MeshEndpoint] = []
    var seen: Set<AddressAndPort> = []
    let isDual = service.addresses.values.contains { $0.count > 1 }
    for slice in slices where slice.spec.addressType != "FQDN" {
      for endpoint in slice.spec.endpoints {
        let health = health(endpoint.conditions, of: service)
        for address in endpoint.addresses {
          guard
            let (workload, addresses) = workloads.find(
              address, endpoint, of: slice, joinsFamilies: isDual)
          else { continue }
          for port in slice.spec.ports {
            guard seen.insert(AddressAndPort(address: address, port: port.name)).inserted else {
              continue
            }
            result.append(
              MeshEndpoint(
                workload: workload, addresses: addresses,
                port: UInt32(clamping: port.port ?? 0), portName: port.name, health: health,
                sendUnhealthy: service.publishNotReadyAddresses))
          }
        }
      }
    }
    return result
  }

  /// The endpoints of `service` at those workloads of its namespace outside of Kubernetes that its selector takes.
  public static func endpoints(
    of service: MeshService, object: ConfigObject<Kubernetes.Service>, entries: [ExternalWorkload]
  ) -> [MeshEndpoint] {
    guard service.resolution == .clientSideLB, !service.isMeshExternal, !service.selector.isEmpty
    else { return [] }
    let matching = entries.filter {
      $0.isAddressed && selects(service.selector, $0.workload.facts.labels)
    }
    return (object.spec.spec?.ports ?? []).flatMap { port in
      matching.compactMap { entry in
        target(of: port, at: entry).map {
          MeshEndpoint(
            workload: entry.workload, addresses: [entry.address], port: $0, portName: port.name,
            health: entry.health)
        }
      }
    }
  }

  /// The port of `entry` that `port` leads to; nil where it names one that is not there.
  static func target(of port: Kubernetes.ServicePort, at entry: ExternalWorkload) -> UInt32? {
    switch port.targetPort {
    case .string(let name)?: entry.ports[name]
    case .integer(let number)? where number > 0: entry.ports[port.name] ?? UInt32(exactly: number)
    default: entry.ports[port.name] ?? UInt32(exactly: port.port)
    }
  }

  private struct AddressAndPort: Hashable {
    var address: String
    var port: String
  }

  private static func health(
    _ conditions: Kubernetes.EndpointConditions?, of service: MeshService
  ) -> MeshEndpoint.Health {
    if conditions?.ready ?? true || service.publishNotReadyAddresses { return .healthy }
    return conditions?.terminating ?? true ? .terminating : .unhealthy
  }
}

/// Whether labels have all of a selector's; an empty selector takes everything.
func selects(_ selector: [String: String], _ labels: [String: String]) -> Bool {
  selector.allSatisfy { labels[$0.key] == $0.value }
}
