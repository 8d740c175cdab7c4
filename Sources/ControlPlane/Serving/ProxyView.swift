// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import DiscoveryProtocol
import EnvoyAPI
import Synchronization

/// What one proxy should have at one snapshot: translation, asked when a type is first wanted.
///
/// Results are remembered here; what many proxies share is shared by the cache below.
final class ProxyView: ResourceView {
  /// The proxy at its snapshot.
  let context: ProxyContext
  private let relations: ResourceRelations
  private let assigned: AssignmentLists
  private let onMissingSecret: @Sendable () -> Void
  private let lists = Mutex<[ResourceType: ResourceList]>([:])
  private let assignments = Mutex<LoadAssignments?>(nil)
  private let singles = Mutex<[ResourceKey: EncodedResource?]>([:])

  init(
    _ context: ProxyContext, relations: ResourceRelations, assigned: AssignmentLists,
    onMissingSecret: @escaping @Sendable () -> Void
  ) {
    self.context = context
    self.relations = relations
    self.assigned = assigned
    self.onMissingSecret = onMissingSecret
  }

  func all(_ type: ResourceType) -> [EncodedResource] { wildcard(type).elements }

  func list(_ type: ResourceType, wildcard: Bool, names: ResourceNames) -> ResourceList {
    if wildcard, names.sorted.isEmpty { return self.wildcard(type) }
    if type == .endpoint, !wildcard {
      return assigned.list(names, of: context) { loadAssignments }
    }
    return ResourceList(elements(type, wildcard: wildcard, names: names))
  }

  private func wildcard(_ type: ResourceType) -> ResourceList {
    if let known = lists.withLock({ $0[type] }) { return known }
    let list = context.wildcard(type)
    return lists.withLock { lists in
      if let known = lists[type] { return known }
      lists[type] = list
      return list
    }
  }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    guard context.isMadeByName(type) else {
      return wildcard(type)[name]
    }
    // All proxies of a class share a table of these: one a stream would be most of its memory.
    if type == .endpoint { return loadAssignments[name] }
    let key = ResourceKey(type, name)
    if let known = singles.withLock({ $0[key] }) { return known }
    let made = context.single(type, name)
    if type == .secret, made == nil { onMissingSecret() }
    singles.withLock { $0[key] = .some(made) }
    return made
  }

  private var loadAssignments: LoadAssignments {
    assignments.withLock { known in
      if let known { return known }
      let made = context.loadAssignments
      known = made
      return made
    }
  }

  func hasSame(_ type: ResourceType, as earlier: any ResourceView) -> Bool {
    guard type == .endpoint, let earlier = earlier as? ProxyView else { return false }
    return context.endpointSources == earlier.context.endpointSources
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> {
    relations.relations(of: resource).clusters
  }

  func followers(of resource: EncodedResource) -> [ResourceKey] {
    relations.relations(of: resource).followers
  }
}
