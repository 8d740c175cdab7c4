// SPDX-License-Identifier: Apache-2.0

import Bytes
import DiscoveryProtocol
import EnvoyAPI
import Synchronization

/// What resources refer to, read from their bytes and remembered by their digest.
final class ResourceRelations: Sendable {
  /// The relations of one resource.
  struct Relations: Sendable {
    var clusters: Set<String> = []
    var followers: [ResourceKey] = []
  }

  private let known = Mutex<[ContentDigest: Relations]>([:])
  private static let capacity = 100_000

  /// The relations of a resource.
  func relations(of resource: EncodedResource) -> Relations {
    if let relations = known.withLock({ $0[resource.digest] }) { return relations }
    let fresh = resource.packed.withUnsafeBytes { bytes in
      Arena.scope { arena in Relations(resource, bytes, arena) }
    }
    known.withLock { known in
      if known.count >= ResourceRelations.capacity { known = [:] }
      known[resource.digest] = fresh
    }
    return fresh
  }
}

extension ResourceRelations.Relations {
  fileprivate init(_ resource: EncodedResource, _ bytes: UnsafeRawBufferPointer, _ arena: Arena) {
    switch resource.type {
    case .cluster:
      if let cluster = try? Envoy.Cluster(unpacking: bytes, in: arena) { read(cluster) }
    case .route:
      if let routes = try? Envoy.RouteConfiguration(unpacking: bytes, in: arena) { read(routes) }
    case .listener:
      if let listener = try? Envoy.Listener(unpacking: bytes, in: arena) { read(listener) }
    default: break
    }
  }

  private mutating func read(_ cluster: Envoy.Cluster) {
    guard cluster.type == .eds else { return }
    let name = cluster.edsClusterConfig?.serviceName ?? ""
    followers.append(ResourceKey(.endpoint, name.isEmpty ? cluster.name : name))
  }

  private mutating func read(_ routes: Envoy.RouteConfiguration) {
    for host in routes.virtualHosts {
      for mirror in host.requestMirrorPolicies { insert(mirror.cluster) }
      for route in host.routes {
        if let action = route.route { read(action) }
      }
    }
  }

  private mutating func read(_ action: Envoy.RouteAction) {
    insert(action.cluster ?? "")
    for weighted in action.weightedClusters?.clusters ?? [] { insert(weighted.name) }
    for mirror in action.requestMirrorPolicies { insert(mirror.cluster) }
  }

  private mutating func read(_ listener: Envoy.Listener) {
    for chain in listener.filterChains { read(chain) }
    if let chain = listener.defaultFilterChain { read(chain) }
  }

  private mutating func read(_ chain: Envoy.FilterChain) {
    let arena = chain.arena
    for filter in chain.filters {
      guard let config = filter.typedConfig else { continue }
      if let http = config.unpack(Envoy.HttpConnectionManager.self, in: arena) {
        if let routes = http.routeConfig { read(routes) }
        let name = http.rds?.routeConfigName ?? ""
        let key = ResourceKey(.route, name)
        if !name.isEmpty, !followers.contains(key) { followers.append(key) }
      } else if let tcp = config.unpack(Envoy.TcpProxy.self, in: arena) {
        insert(tcp.cluster ?? "")
        for weighted in tcp.weightedClusters?.clusters ?? [] { insert(weighted.name) }
      }
    }
  }

  private mutating func insert(_ cluster: String) {
    if !cluster.isEmpty { clusters.insert(cluster) }
  }
}
