// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import DiscoveryProtocol
import EnvoyAPI
import ServiceDiscovery

/// The load assignments of subscriptions: proxies of a class that ask for the same names share one
/// list of them.
final class AssignmentLists: Sendable {
  private struct Key: Hashable {
    var sources: EndpointSources
    var names: ResourceNames
  }

  private let known = WeakMemo<Key, ResourceList>()
  /// Where in a list the load assignments of each host are.
  private let places = Memo<ResourceNames, [String: [Int]]>(limit: 20)

  /// The list of the load assignments of `names`.
  func list(
    _ names: ResourceNames, of context: ProxyContext, from assignments: () -> LoadAssignments
  ) -> ResourceList {
    let sources = context.endpointSources
    return known.value(Key(sources: sources, names: names)) {
      guard let step = context.endpointsStep,
        let before = known.known(Key(sources: sources.before(step), names: names))
      else { return ResourceList(assignments().all(named: names.sorted)) }
      return list(before, names, after: step, from: assignments())
    }
  }

  /// The list that a step leads to: only what is of the step's services is looked at.
  private func list(
    _ before: ResourceList, _ names: ResourceNames, after step: EndpointsStep,
    from assignments: LoadAssignments
  ) -> ResourceList {
    let places = places.value(names) {
      var places: [String: [Int]] = [:]
      for (place, resource) in before.elements.enumerated() {
        guard let host = ClusterName(resource.name)?.host else { continue }
        places[host, default: []].append(place)
      }
      return places
    }
    var elements = before.elements
    for host in Set(step.services.map(\.hostname.text)) {
      for place in places[host] ?? [] {
        if let made = assignments[elements[place].name] { elements[place] = made }
      }
    }
    return ResourceList(elements)
  }
}
