// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import ServiceDiscovery

/// Envoy's messages of addresses and endpoints.
enum EndpointMessages {
  /// A load assignment.
  static func assignment(
    _ name: String, _ groups: [LocalityGroup], in arena: Arena
  ) -> Envoy.ClusterLoadAssignment {
    Envoy.ClusterLoadAssignment(arena) { assignment in
      assignment.clusterName = name
      for group in groups { assignment.endpoints.append(locality(group, in: arena)) }
    }
  }

  /// A socket address; a Unix socket's path where the port is 0 and the address begins with `/`.
  static func address(_ text: String, port: UInt32, in arena: Arena) -> Envoy.Address {
    Envoy.Address(arena) { address in
      if port == 0 && (text.hasPrefix("/") || text.hasPrefix("@")) {
        address.pipe = address.make(Envoy.Pipe.self) { $0.path = text }
      } else {
        address.socketAddress = socket(text, port: port, in: arena)
      }
    }
  }

  /// An IP with a port, which is written even if it is 0.
  static func socket(_ text: String, port: UInt32, in arena: Arena) -> Envoy.SocketAddress {
    Envoy.SocketAddress(arena) {
      $0.address = text
      $0.portValue = port
    }
  }

  private static func locality(
    _ group: LocalityGroup, in arena: Arena
  ) -> Envoy.LocalityLbEndpoints {
    Envoy.LocalityLbEndpoints(arena) { message in
      message.locality = message.make(Envoy.Locality.self) {
        $0.region = group.locality.region
        $0.zone = group.locality.zone
        $0.subZone = group.locality.subzone
      }
      message.priority = group.priority
      message.loadBalancingWeight = group.weight
      for endpoint in group.endpoints {
        message.lbEndpoints.append(self.endpoint(endpoint, in: arena))
      }
    }
  }

  private static func endpoint(
    _ endpoint: BalancedEndpoint, in arena: Arena
  ) -> Envoy.LbEndpoint {
    Envoy.LbEndpoint(arena) { message in
      message.endpoint = message.make(Envoy.Endpoint.self) { target in
        target.address = address(endpoint.addresses.first ?? "", port: endpoint.port, in: arena)
        for other in endpoint.addresses.dropFirst() {
          target.additionalAddresses.append(
            target.make(Envoy.Endpoint.AdditionalAddress.self) {
              $0.address = address(other, port: endpoint.port, in: arena)
            })
        }
      }
      message.healthStatus = endpoint.health.envoyStatus
      message.loadBalancingWeight = endpoint.weight
      message.metadata = message.make(Envoy.Metadata.self) { metadata in
        if endpoint.hasMutualTLS {
          metadata.filterMetadata["envoy.transport_socket_match"] = JSONObject(
            distinct: [.init("tlsMode", "istio")])
        }
        guard !endpoint.workload.isEmpty else { return }
        metadata.filterMetadata["istio"] = JSONObject(
          distinct: [.init("workload", .string(endpoint.workload))])
      }
    }
  }
}

extension MeshEndpoint.Health? {
  fileprivate var envoyStatus: Envoy.HealthStatus {
    switch self {
    case .healthy: .healthy
    case .unhealthy: .unhealthy
    case .draining: .draining
    case .unknown, .terminating, nil: .unknown
    }
  }
}
