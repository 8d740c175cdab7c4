// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// What was gathered for classes of proxies: not only messages are made once, inputs are too.
final class GatheredViews: Sendable {
  /// Classes by content: each is one object, which keys compare at once.
  let classes = Memo<OutboundClass, Shared<OutboundClass>>(limit: 10_000)
  /// Clusters of services.
  let clusters = Memo<ClusterListKey, ResourceList>(limit: 1000)
  /// Clusters of one service.
  let serviceClusters = Memo<ServiceClustersKey, [EncodedResource]>(limit: 50_000)
  /// What of proxies shapes clusters: each is one object.
  let facets = Memo<ClusterFacets, Shared<ClusterFacets>>(limit: 1000)
  /// Listeners for traffic to services.
  let listeners = Memo<ListenerListKey, ResourceList>(limit: 1000)
  /// Such a list with a proxy's own resources.
  let merged = WeakMemo<MergedListKey, ResourceList>()
  /// Load assignments.
  let assignments = Memo<AssignmentKey, EncodedResource>(limit: 50_000)
  /// All of them that a class of proxies has.
  let assignmentTables = Memo<EndpointClass, AssignmentTable>(limit: 500)
  /// Route configurations of sidecars.
  let routes = WeakMemo<SidecarRoutesKey, EncodedResource>()
  /// Gateways, as proxies have them.
  let gateways = Memo<MergedGatewaysKey, MergedGateways>(limit: 100)
  /// Route configurations of gateways.
  let gatewayRoutes = WeakMemo<GatewayRoutesKey, EncodedResource>()
  /// Services by port.
  let portServices = Memo<PortServicesKey, PortServices>(limit: 2000)
  /// Services with one of their ports.
  let restricted = Memo<ServicePortKey, MeshService>(limit: 50_000)
  /// Virtual hosts of services without rules.
  let serviceHosts = Memo<ServiceHostKey, VirtualHostCandidate>(limit: 100_000)
  /// The same of all services on a port, in their order.
  let ownHosts = RecentMemo<OwnHostsSubject, OwnHostsKey, [[VirtualHostCandidate]]>(limit: 500)
  /// Virtual hosts of VirtualServices.
  let ruleHosts = RecentMemo<RuleHostsSubject, RuleHostsKey, RuleHosts>(limit: 50_000)
}

/// A shared list, and the resources that one proxy has besides.
struct MergedListKey: Hashable, Sendable {
  var list: ResourceList
  var own: [EncodedResource]

  static func == (left: MergedListKey, right: MergedListKey) -> Bool {
    left.list === right.list && left.own == right.own
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(list))
    for resource in own { hasher.combine(resource.digest) }
  }
}

extension ResourceCache {
  /// The one object that stands for a class.
  func interned(_ key: OutboundClass) -> Shared<OutboundClass> {
    gathered.classes.value(key) { Shared(key) }
  }

  /// A shared list with a proxy's own resources, sorted by name: one list for all proxies for which
  /// both are equal.
  func merged(_ list: ResourceList, with own: [EncodedResource]) -> ResourceList {
    if own.isEmpty { return list }
    return gathered.merged.value(MergedListKey(list: list, own: own)) {
      ResourceList(list.elements.merged(with: own))
    }
  }
}

/// What the outbound clusters of a proxy depend on, but for those that hold endpoints.
struct ClusterListKey: Hashable, Sendable {
  /// What of the proxy shapes clusters.
  var facets: ClusterFacets
  /// Which clusters of services it gets.
  var kinds: ServiceClusterKinds
  /// The workload's labels, where rules select by them.
  var labels: [String: String]
  /// What the mesh is set to.
  var settings: Shared<MeshSettings>
  /// The services, and their DestinationRules.
  var services: Tag
  var rules: Tag
  /// The PeerAuthentications.
  var policies: Tag
  /// The identities of workloads.
  var identities: Tag
  /// The endpoints of services whose clusters do not choose among them.
  var endpoints: Tag
}

/// Which clusters of a service there are.
struct ClusterForms: Hashable, Sendable {
  /// Those that send what the proxy has opened.
  var isPlain: Bool
  /// Those that send TLS on unopened, by its server name.
  var isServerName: Bool
}

/// What the clusters of one service depend on, but for those that hold endpoints.
struct ServiceClustersKey: Hashable, Sendable {
  var service: MeshService.Identity
  var rule: MergedDestinationRule?
  var facets: Shared<ClusterFacets>
  var forms: ClusterForms
  var settings: Shared<MeshSettings>
  var policies: Tag
  var identities: [String]
  /// All endpoints, where it depends on them whether connections are secured.
  var endpoints: Tag?

  func hash(into hasher: inout Hasher) {
    hasher.combine(service)
    hasher.combine(facets)
    hasher.combine(identities.count)
  }
}

/// What the outbound listeners of a proxy depend on.
struct ListenerListKey: Hashable, Sendable {
  /// What of the proxy shapes them.
  var proxy: Shared<OutboundClass>
  /// What its filters depend on.
  var environment: Shared<FilterEnvironment>
  /// The scope, which may be a Sidecar's.
  var scope: ScopeKey
  /// The VirtualServices that route connections.
  var connectionRules: Tag
  /// The endpoints that have a listener each.
  var endpoints: Tag
}

/// What of a scope listeners and routes depend on alike.
struct ScopeKey: Hashable, Sendable {
  var sidecar: ConfigObject<Istio.Sidecar>?
  var services: Tag
  var rules: Tag

  init(_ scope: OutboundScope) {
    sidecar = scope.sidecar
    services = scope.servicesTag
    rules = scope.destinationRulesTag
  }
}

extension [EncodedResource] {
  /// The resources sorted by name, of one name the first.
  func sortedByName() -> [EncodedResource] {
    var names: Set<String> = []
    return filter { names.insert($0.name).inserted }.sorted { $0.name < $1.name }
  }

  /// These and others, both sorted by name; of one name this one.
  func merged(with others: [EncodedResource]) -> [EncodedResource] {
    var result: [EncodedResource] = []
    result.reserveCapacity(count + others.count)
    var rest = others[...]
    for resource in self {
      while let other = rest.first, other.name < resource.name {
        result.append(other)
        rest.removeFirst()
      }
      if rest.first?.name == resource.name { rest.removeFirst() }
      result.append(resource)
    }
    return result + rest
  }
}
