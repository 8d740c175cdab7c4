// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery
import Testing

/// How few resources are made: counted, not timed.
@Suite struct SharingTests {
  private let cache = ResourceCache()

  /// Ten services in two namespaces, each with rules, and four proxies.
  private func mesh() throws -> (ChangingMesh, [ProxyNode]) {
    var mesh = ChangingMesh()
    try mesh.apply(
      (0..<10).flatMap {
        [text($0, .service), text($0, .slice), text($0, .rule), text($0, .route)]
      })
    let nodes = try (0..<4).map {
      try ChangingMesh.node($0 % 2 == 0 ? "one" : "two", address: "10.9.0.\($0)")
    }
    return (mesh, nodes)
  }

  private enum Part { case service, slice, rule, route }

  private func text(_ number: Int, _ part: Part, weight: Int = 10, count: Int = 2) -> String {
    let namespace = number % 2 == 0 ? "one" : "two"
    let (name, host) = ("\(namespace)/s\(number)", "s\(number).\(namespace).svc.cluster.local")
    return switch part {
    case .service: Objects.service(name, number: number)
    case .slice: Objects.slice(name, number: number, count: count)
    case .rule: Objects.rule(name, host: host)
    case .route: Objects.route(name, host: host, weight: weight)
    }
  }

  /// Asks for all that the proxies want; what was built of each type.
  private func build(_ mesh: ChangingMesh, _ nodes: [ProxyNode]) throws -> [ResourceType: Int] {
    let before = cache.countsByType
    for node in nodes {
      let context = ProxyContext(try mesh.snapshot, node: node, cache: cache)
      let clusters = context.clusters()
      _ = context.listeners()
      _ = context.routeNames().map(context.route)
      _ = clusters.map { context.endpoints($0.name) }
    }
    return cache.countsByType.mapValues(\.built).filter { $0.value != before[$0.key]?.built }
      .reduce(into: [:]) { $0[$1.key] = $1.value - (before[$1.key]?.built ?? 0) }
  }

  @Test func `one VirtualService changes one route configuration a namespace`() throws {
    var (mesh, nodes) = try mesh()
    _ = try build(mesh, nodes)
    try mesh.apply([text(4, .route, weight: 60)])
    #expect(try build(mesh, nodes) == [.route: 2])
  }

  @Test func `one DestinationRule changes its clusters`() throws {
    var (mesh, nodes) = try mesh()
    _ = try build(mesh, nodes)
    let rule = Objects.rule(
      "one/s4", host: "s4.one.svc.cluster.local",
      extra: #","trafficPolicy":{"outlierDetection":{"consecutive5xxErrors":3}}"#)
    try mesh.apply([rule])
    #expect(try build(mesh, nodes)[.cluster] == 3)
    #expect(try build(mesh, nodes) == [:])
  }

  @Test func `endpoints of one service change its load assignments`() throws {
    var (mesh, nodes) = try mesh()
    _ = try build(mesh, nodes)
    let change = try mesh.apply([text(4, .slice, count: 3)])
    #expect(!change.configuration)
    // The whole service and its two subsets, of which none has endpoints.
    #expect(try build(mesh, nodes) == [.endpoint: 3])
  }

  @Test func `a new service adds its own and changes the routes`() throws {
    var (mesh, nodes) = try mesh()
    _ = try build(mesh, nodes)
    try mesh.apply([text(12, .service), text(12, .slice)])
    #expect(try build(mesh, nodes) == [.cluster: 1, .endpoint: 1, .route: 2])
  }

  @Test func `proxies of one namespace share every list`() throws {
    let (mesh, nodes) = try mesh()
    let contexts = try nodes.map { ProxyContext(try mesh.snapshot, node: $0, cache: cache) }
    let lists = contexts.map { [$0.clusterList(), $0.listenerList()] }
    for (mine, theirs) in zip(lists[0], lists[2]) { #expect(mine === theirs) }
  }

  @Test func `metadata that nothing reads changes nothing`() throws {
    var (mesh, _) = try mesh()
    let generation = try mesh.snapshot.generation
    let annotated = { (name: String) in
      text(4, .route).replacing(
        "\"metadata\":{", with: "\"metadata\":{\"annotations\":{\"\(name)\":\"x\"},")
    }
    let change = try mesh.apply([annotated("example.com/note")])
    #expect(change.isEmpty)
    #expect(try mesh.snapshot.generation == generation)
    // Istio's own annotations may be read.
    #expect(try !mesh.apply([annotated("internal.istio.io/route-semantics")]).isEmpty)
  }

  @Test func `the cache is bounded in bytes`() throws {
    var (mesh, nodes) = try mesh()
    let small = ResourceCache(capacity: 60_000, megabytes: 0)
    for weight in 0..<40 {
      try mesh.apply([text(4, .route, weight: weight)])
      for node in nodes {
        _ = ProxyContext(try mesh.snapshot, node: node, cache: small).route("80")
      }
    }
    // Each generation of each part keeps at least what came last.
    #expect(small.counts.held <= 32)
    #expect(small.counts.evicted > 0)
  }
}
