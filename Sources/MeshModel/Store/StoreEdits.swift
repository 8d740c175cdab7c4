// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

/// What a transaction's objects touch, before anything is made anew.
struct StoreEdits {
  /// The objects that differ.
  var keys: [ObjectKey] = []
  /// What became of them.
  var events: [StoreChange.Event] = []
  /// The kinds of ``ConfigTables`` that differ.
  var kinds: Set<ResourceKind> = []
  /// Whether services themselves may differ.
  var registry = false
  /// Whether something that proxies see besides endpoints may differ.
  var configuration = false
  /// Whether Namespaces differ, and with them perhaps which objects count.
  var namespaces = false
  /// Whether the settings of the mesh differ.
  var settings = false
  /// The services, by namespace and name, whose EndpointSlices differ.
  var slices: Set<DiscoveryTables.Name> = []
  /// The ServiceEntries that say something else than before: perhaps only of endpoints.
  var serviceEntries: Set<DiscoveryTables.Name> = []
  /// The namespaces in which Pods differ.
  var podNamespaces: Set<String> = []

  var isEmpty: Bool { keys.isEmpty && !settings }

  /// Takes note of an object that differs; one of both is there.
  mutating func note(old: ConfigurationObject?, new: ConfigurationObject?) {
    guard let either = new ?? old else { return }
    keys.append(either.key)
    events.append(old == nil ? .add : new == nil ? .delete : .update)
    switch either {
    case .endpointSlice:
      for case .endpointSlice(let slice)? in [old, new] {
        let service = slice.meta.labels[WellKnownLabel.sliceService] ?? ""
        slices.insert(.init(slice.meta.namespace, service))
      }
    case .pod(let pod):
      podNamespaces.insert(pod.meta.namespace)
      if !StoreEdits.isSamePlace(old, new) { configuration = true }
    case .namespace: (registry, namespaces) = (true, true)
    case .serviceEntry(let entry) where old != nil && new != nil:
      serviceEntries.insert(.init(entry.meta.namespace, entry.meta.name))
    case .node, .service, .serviceEntry, .workloadEntry: registry = true
    default:
      guard ConfigTables.kinds.contains(either.kind) else { return }
      kinds.insert(either.kind)
      configuration = true
    }
  }

  /// Whether of a Pod only its state differs, so that its own proxy need not be told anything new.
  private static func isSamePlace(_ old: ConfigurationObject?, _ new: ConfigurationObject?) -> Bool
  {
    guard case .pod(let old)? = old, case .pod(let new)? = new else { return false }
    return old.meta.labels == new.meta.labels && old.meta.annotations == new.meta.annotations
      && old.spec.spec == new.spec.spec && old.spec.status?.podIP == new.spec.status?.podIP
      && old.spec.status?.podIPs == new.spec.status?.podIPs
  }
}

/// How the endpoints of two registries differ.
struct EndpointDifference {
  /// The services whose endpoints differ.
  private(set) var changed: Set<ServiceKey> = []
  /// Whether some lost one.
  private(set) var removes = false
  /// Whether listeners or clusters are made of some of these endpoints.
  private(set) var concernsListeners = false

  /// The difference at the services `touched`, or at all.
  init(_ old: ServiceRegistry, _ new: ServiceRegistry, of touched: Set<ServiceKey>?) {
    let keys =
      touched ?? Set(old.endpointsByService.keys).union(new.endpointsByService.keys)
    for key in keys {
      let before = old.endpointsByService[key] ?? []
      let after = new.endpointsByService[key] ?? []
      guard before != after else { continue }
      changed.insert(key)
      removes = removes || EndpointDifference.loses(before, after)
      // Clusters name the identities to expect; one too many of these does no harm. Headless services
      // have a listener an endpoint; DNS clusters hold their endpoints.
      if !Set(new.identities(of: key)).isSubset(of: old.identities(of: key)) {
        concernsListeners = true
      }
      if let service = new.service(key) {
        concernsListeners =
          concernsListeners || service.isHeadless || service.resolution != .clientSideLB
      }
    }
  }

  private static func loses(_ before: [MeshEndpoint], _ after: [MeshEndpoint]) -> Bool {
    let healthy = { (endpoints: [MeshEndpoint]) in
      Set(
        endpoints.lazy.filter { $0.health == .healthy || $0.health == .unknown }.map { Place($0) })
    }
    return !healthy(before).isSubset(of: healthy(after))
  }

  private struct Place: Hashable {
    var address: String
    var port: UInt32

    init(_ endpoint: MeshEndpoint) {
      address = endpoint.addresses.first ?? ""
      port = endpoint.port
    }
  }
}
