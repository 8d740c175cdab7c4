// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import DiscoveryProtocol
import EnvoyAPI

/// The load assignments of subscriptions: proxies of a class that ask for the same names share one
/// list of them.
final class AssignmentLists: Sendable {
  private struct Key: Hashable {
    var sources: EndpointSources
    var names: ResourceNames
  }

  private let known = Memo<Key, ResourceList>(limit: 100)

  /// The list of the load assignments of `names`.
  func list(
    _ names: ResourceNames, of context: ProxyContext, from assignments: () -> LoadAssignments
  ) -> ResourceList {
    known.value(Key(sources: context.endpointSources, names: names)) {
      ResourceList(assignments().all(named: names.sorted))
    }
  }
}
