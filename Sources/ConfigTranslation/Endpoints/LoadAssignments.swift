// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import MeshModel
public import ServiceDiscovery
import Synchronization

/// What load assignments of a proxy are made of.
public struct EndpointSources: Hashable, Sendable {
  /// The proxy without what does not matter to them.
  let node: ProxyNode
  let settings: Shared<MeshSettings>
  let visible: Tag
  let rules: Tag
  let policies: Tag
  let services: Tag
  let endpoints: Tag
  let gateways: NetworkGateways

  /// What they were made of before a step from some endpoints to others.
  public func before(_ step: EndpointsStep) -> EndpointSources {
    EndpointSources(
      node: node, settings: settings, visible: visible, rules: rules, policies: policies,
      services: services, endpoints: step.from, gateways: gateways)
  }

  /// Adds what mostly differs; the rest is left to equality.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(node.namespace)
    hasher.combine(node.labels)
    hasher.combine(node.locality)
    hasher.combine(endpoints)
    hasher.combine(visible)
  }
}

/// Proxies for which load assignments are equal at any snapshot.
struct EndpointClass: Hashable, Sendable {
  var node: ProxyNode
  var settings: Shared<MeshSettings>

  func hash(into hasher: inout Hasher) {
    hasher.combine(node.namespace)
    hasher.combine(node.labels)
    hasher.combine(node.locality)
    hasher.combine(node.network)
  }
}

/// The load assignments of a proxy by the names of their clusters.
public struct LoadAssignments: Sendable {
  let context: ProxyContext
  let table: AssignmentTable

  /// The load assignment of a cluster, as ``ProxyContext/endpoints(_:)`` has it.
  public subscript(name: String) -> EncodedResource? { table.all(named: [name], context).first }

  /// Those of some clusters, in the order of the names; without what is no name of a cluster.
  public func all(named names: [String]) -> [EncodedResource] { table.all(named: names, context) }
}

/// The load assignments of a class of proxies as they were last asked for, each with what it was made
/// of: at another snapshot only those are made anew of which something differs.
final class AssignmentTable: Sendable {
  /// A cluster's name, taken apart.
  struct Cluster: Sendable {
    let text: String
    let name: ClusterName
    let host: Hostname

    /// Nil where it is no name of an outbound cluster.
    init?(_ text: String) {
      guard let name = ClusterName(text), name.direction == .outbound else { return nil }
      (self.text, self.name, host) = (text, name, Hostname(valid: name.host))
    }
  }

  /// What a load assignment is made of.
  struct Facts: Sendable {
    /// The service; nil where none is seen.
    var service: MeshService?
    var endpoints: [MeshEndpoint] = []
    var rule: MergedDestinationRule?

    /// Whether both are the same, mostly by identity.
    func isSame(as other: Facts) -> Bool {
      service?.identity == other.service?.identity && endpoints == other.endpoints
        && rule == other.rule
    }
  }

  /// What all in a table depends on.
  private struct Background: Equatable {
    var policies: Tag
    var gateways: NetworkGateways

    init(_ mesh: MeshSnapshot) {
      policies = mesh.config.peerAuthentications.tag
      gateways = mesh.networkGateways
    }
  }

  private struct Entry {
    var cluster: Cluster
    var facts: Facts
    var background: Background
    var resource: EncodedResource
  }

  /// How many are remembered: a client may ask for any subset of a service.
  private static let limit = 200_000
  private let entries = Mutex<[String: Entry]>([:])

  func all(named names: [String], _ context: ProxyContext) -> [EncodedResource] {
    let background = Background(context.mesh)
    return entries.withLock { entries in
      names.compactMap { name in
        let known = entries[name]
        guard let cluster = known?.cluster ?? Cluster(name) else { return nil }
        let facts = context.facts(cluster)
        if let known, known.background == background, known.facts.isSame(as: facts) {
          return known.resource
        }
        let made = context.assignment(cluster, facts)
        if facts.service == nil {
          entries[name] = nil
        } else {
          if entries.count >= Self.limit { entries = [:] }
          entries[name] = Entry(
            cluster: cluster, facts: facts, background: background, resource: made)
        }
        return made
      }
    }
  }
}
