// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// All that a cluster depends on which leads into the proxy's own workload.
struct InboundClusterInputs: ResourceInputs {
  static let type = ResourceType.cluster

  /// What of the proxy matters.
  var facets: ClusterFacets
  /// What the mesh is set to.
  var settings: Shared<MeshSettings>
  /// The port that traffic comes in on.
  var clusterPort: UInt32
  /// The port as the first service, or the Sidecar, declares it.
  var port: ServicePort
  /// The first service; nil where none is behind a port of the Sidecar.
  var service: MeshService?
  /// The services that metrics name.
  var services: [MeshService]
  /// Where the workload listens; nil for where the traffic was sent.
  var target: InboundTarget?
  /// The name that statistics use for the Sidecar, where no service has the port.
  var fallbackHost = ""
  /// The connection pool that counts.
  var pool: Istio.ConnectionPoolSettings
  /// The limit of retries of the DestinationRule.
  var retryBudget: Istio.TrafficPolicy.RetryBudget?
  /// The DestinationRule, where it has a policy.
  var source: ObjectKey?
  /// The addresses to connect from, so that the traffic is not captured again.
  var sources: [String]

  var name: String { ClusterName(.inbound, port: clusterPort).description }

  func hash(into hasher: inout Hasher) {
    hasher.combine(facets)
    hasher.combine(clusterPort)
    hasher.combine(port)
    hasher.combine(services.map(\.key))
  }

  func make(in arena: Arena) -> Envoy.Cluster {
    var draft = ClusterDraft(name, facets: facets, settings: settings.value, in: arena)
    let cluster = draft.cluster
    cluster.commonLbConfig = cluster.make(Envoy.Cluster.CommonLbConfig.self)
    discover(draft)
    draft.speak(port.protocol)
    if !services.isEmpty, draft.settings.labelsTelemetry { draft.list(services: services) }
    if let source, !services.isEmpty, draft.settings.labelsTelemetry {
      draft.metadata.set(config: source)
    }
    setStatisticsName(draft)
    draft.limit(pool, retryBudget)
    if cluster.type == .originalDst { cluster.lbPolicy = .clusterProvided }
    if target?.isLoopback != true { draft.bind(to: sources) }
    return draft.finished()
  }

  private func discover(_ draft: ClusterDraft) {
    guard let target else {
      draft.discover(.originalDst)
      // The longest time that istiod can write: never.
      draft.cluster.cleanupInterval = .seconds(9_223_372_035)
      return
    }
    draft.discover(.static)
    draft.cluster.loadAssignment = target.assignment(name, in: draft.arena)
  }

  private func setStatisticsName(_ draft: ClusterDraft) {
    let pattern = draft.mesh.inboundClusterStatName
    let host = service?.hostname.text ?? fallbackHost
    guard !pattern.isEmpty, !host.isEmpty else { return }
    var name = StatName(service, host: host, port: port.number, portName: port.name)
    name.targetPort = clusterPort
    draft.cluster.altStatName = name.text(pattern) + ";"
  }
}

/// Where a workload listens.
enum InboundTarget: Hashable, Sendable {
  /// On an address and port.
  case socket(String, UInt32)
  /// On a Unix socket.
  case path(String)

  var isLoopback: Bool {
    guard case .socket(let address, _) = self else { return false }
    return address == "127.0.0.1" || address == "::1"
  }

  fileprivate func assignment(_ name: String, in arena: Arena) -> Envoy.ClusterLoadAssignment {
    Envoy.ClusterLoadAssignment(arena) { assignment in
      assignment.clusterName = name
      assignment.endpoints.append(
        assignment.make(Envoy.LocalityLbEndpoints.self) { place in
          place.lbEndpoints.append(
            place.make(Envoy.LbEndpoint.self) { endpoint in
              endpoint.endpoint = endpoint.make(Envoy.Endpoint.self) {
                $0.address = address(in: arena)
              }
            })
        })
    }
  }

  private func address(in arena: Arena) -> Envoy.Address {
    switch self {
    case .socket(let address, let port):
      EndpointMessages.address(address, port: port, in: arena)
    case .path(let path): EndpointMessages.address(path, port: 0, in: arena)
    }
  }
}
