// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

/// A mesh of many services, and what one change of it costs: the store, what each class of proxies
/// sees, and all that is made anew for the proxies; nothing is sent.
struct ChangeBench {
  /// What one change costs.
  struct Row {
    var name: String
    var microseconds: Double
    var counts: ResourceCache.Counts
  }

  private static let namespaces = 20
  private var store: MeshStore
  private let cache = ResourceCache()
  private let nodes: [ProxyNode]
  private let services: Int
  private var serial = 0
  private var endpoints: [Int: EndpointSources] = [:]

  init(services: Int, proxies: Int) throws {
    self.services = services
    store = MeshStore(settings: MeshSettings())
    nodes = (0..<proxies).compactMap { number in
      let namespace = "ns-\(number % Self.namespaces)"
      let address = "12.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
      return ProxyNode(
        id: "sidecar~\(address)~proxy-\(number).\(namespace)~\(namespace).svc.cluster.local",
        metadata: JSONObject(distinct: [
          .init("NAMESPACE", .string(namespace)),
          .init("CLUSTER_ID", .string("Kubernetes")),
          .init("ISTIO_VERSION", .string("1.30.3")),
        ]))
    }
    let documents = (0..<services).flatMap { number in
      [Self.service(number), Self.slice(number, count: 5)]
        + (number % 10 == 0 ? [Self.rule(number), Self.route(number, weight: 90)] : [])
    }
    _ = store.apply(try Shape(name: "change", documents: documents).transaction(), at: 0)
  }

  /// The rows: first all of it, then one change of each kind, then one that changes nothing.
  mutating func run(repeats: Int) throws -> [Row] {
    var rows = [try row("all of it", 1) { _ in [] }]
    rows.append(try row("one VirtualService", repeats) { [Self.route(10, weight: $0 % 100)] })
    rows.append(
      try row("endpoints of one service", repeats) { [Self.slice(7, count: 1 + $0 % 5)] })
    rows.append(
      try row("one new service", repeats) { [services] serial in
        [Self.service(services + serial), Self.slice(services + serial, count: 5)]
      })
    rows.append(try row("the same again", repeats) { _ in [] })
    return rows
  }

  /// The mean of some changes.
  private mutating func row(
    _ name: String, _ repeats: Int, _ edit: (Int) -> [String]
  ) throws -> Row {
    let before = cache.counts
    var spent = 0.0
    for _ in 0..<repeats {
      serial += 1
      let documents = edit(serial)
      let transaction = try Shape(name: name, documents: documents).transaction()
      let began = cpuSeconds()
      _ = store.apply(transaction, at: Double(serial))
      if let mesh = store.snapshot { generate(mesh) }
      spent += cpuSeconds() - began
    }
    var counts = cache.counts
    counts.built = (counts.built - before.built) / repeats
    counts.reused = (counts.reused - before.reused) / repeats
    return Row(name: name, microseconds: spent / Double(repeats) * 1e6, counts: counts)
  }

  /// All that the proxies want; of endpoints, as streams do, only where some may differ.
  private mutating func generate(_ mesh: MeshSnapshot) {
    for (index, node) in nodes.enumerated() {
      let context = ProxyContext(mesh, node: node, cache: cache)
      let clusters = context.clusters()
      if endpoints[index] != context.endpointSources {
        let assignments = context.loadAssignments
        for cluster in clusters { _ = assignments[cluster.name] }
        endpoints[index] = context.endpointSources
      }
      _ = context.listeners()
      _ = context.route("80")
    }
  }

  // MARK: Objects

  private static func service(_ number: Int) -> String {
    """
    apiVersion: v1
    kind: Service
    metadata: {name: svc-\(number), namespace: ns-\(number % namespaces)}
    spec:
      clusterIP: \(Documents.address("10.1", number))
      selector: {app: svc-\(number)}
      ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]
    """
  }

  private static func slice(_ number: Int, count: Int) -> String {
    let endpoints = (0..<count).map { place in
      "{addresses: [\(Documents.address("11.1", number * 8 + place))], conditions: {ready: true}}"
    }
    return """
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata: {name: svc-\(number)-a, namespace: ns-\(number % namespaces),
        labels: {kubernetes.io/service-name: svc-\(number)}}
      addressType: IPv4
      ports: [{name: http, port: 8080, protocol: TCP}]
      endpoints: [\(endpoints.joined(separator: ", "))]
      """
  }

  private static func rule(_ number: Int) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: svc-\(number), namespace: ns-\(number % namespaces)}
    spec:
      host: svc-\(number).ns-\(number % namespaces).svc.cluster.local
      subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
    """
  }

  private static func route(_ number: Int, weight: Int) -> String {
    let host = "svc-\(number).ns-\(number % namespaces).svc.cluster.local"
    return """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: svc-\(number), namespace: ns-\(number % namespaces)}
      spec:
        hosts: [\(host)]
        http:
        - route:
          - {destination: {host: \(host), subset: v1}, weight: \(weight)}
          - {destination: {host: \(host), subset: v2}, weight: \(100 - weight)}
      """
  }
}
