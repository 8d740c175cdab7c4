// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import ServiceDiscovery

/// All that a load assignment depends on.
struct LoadAssignmentInputs: ResourceInputs {
  static let type = ResourceType.endpoint

  /// The cluster's name.
  var name: String
  /// The endpoints; nil where the cluster's service or port is not known.
  var selection: EndpointSelection?
  /// How places are preferred; nil where they are equal.
  var view: LocalityView?

  func make(in arena: Arena) -> Envoy.ClusterLoadAssignment {
    EndpointMessages.assignment(name, groups, in: arena)
  }

  private var groups: [LocalityGroup] {
    let groups = selection?.groups() ?? []
    return view?.applied(to: groups) ?? groups
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(view?.locality)
    hasher.combine(selection?.viewer)
    for endpoint in selection?.endpoints ?? [] {
      hasher.combine(endpoint.addresses.first)
      hasher.combine(endpoint.health)
    }
  }
}
