// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery
import Testing

/// What is kept from snapshot to snapshot, and shared among proxies, never shows: after any change
/// each proxy has what it would have if all were made from the beginning.
@Suite struct IncrementalTests {
  private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
      return mixed ^ mixed >> 31
    }
  }

  @Test(arguments: [11, 12, 13] as [UInt64])
  func `each proxy has what a mesh without history gives it`(seed: UInt64) throws {
    var random = Random(state: seed)
    var mesh = ChangingMesh()
    let cache = ResourceCache(capacity: 400)
    let nodes = try [
      ChangingMesh.node("one", address: "10.1.1.0", labels: ["app": "a1", "team": "red"]),
      ChangingMesh.node("one", address: "10.9.0.1", labels: ["team": "blue"]),
      ChangingMesh.node("two", address: "10.1.2.0"), ChangingMesh.node("two", address: "10.9.0.2"),
      ChangingMesh.node("one", address: "10.9.0.3", labels: ["app": "gw"], kind: "router"),
      ChangingMesh.node("two", address: "10.8.0.1"),
    ]
    for number in 0..<6 { try mesh.apply(service(number, &random)) }
    var earlier: [[EncodedResource]?] = nodes.map { _ in nil }
    var contexts: [ProxyContext?] = nodes.map { _ in nil }
    for step in 0..<60 {
      let (objects, removed) = edit(&random)
      let change = try mesh.apply(objects, removing: removed)
      let (now, rebuilt) = (try mesh.snapshot, try mesh.rebuilt())
      for (index, node) in nodes.enumerated() {
        let isOthers = !change.configuration && change.workloads.isDisjoint(with: node.addresses)
        let known = isOthers ? contexts[index].map { ProxyContext($0, endpointsOf: now) } : nil
        contexts[index] = known ?? ProxyContext(now, node: node, cache: cache)
        let kept = contexts[index].map(resources) ?? []
        let fresh = resources(ProxyContext(rebuilt, node: node, cache: ResourceCache()))
        let differing = zip(kept, fresh).filter { $0 != $1 }.map { $0.0.name }
        let place: Comment =
          "seed \(seed), step \(step), \(node.id): \(differing) after \(objects) \(removed)"
        #expect(kept.count == fresh.count && differing.isEmpty, place)
        expectTold(change, of: kept, after: earlier[index], node, place)
        earlier[index] = kept
      }
    }
  }

  /// What differs for a proxy is what the change says that may differ.
  private func expectTold(
    _ change: StoreChange, of now: [EncodedResource], after earlier: [EncodedResource]?,
    _ node: ProxyNode, _ place: Comment
  ) {
    guard let earlier, !change.configuration, change.workloads.isDisjoint(with: node.addresses)
    else { return }
    let touched = change.endpoints.map { "|\($0.hostname.text)" }
    let differing = zip(earlier, now).filter { $0 != $1 }.map(\.1)
    let untold = differing.filter { resource in
      resource.type != .endpoint || !touched.contains { resource.name.hasSuffix($0) }
    }
    #expect(earlier.count == now.count && untold.isEmpty, "\(untold.map(\.name)): \(place)")
  }

  private func resources(_ context: ProxyContext) -> [EncodedResource] {
    let clusters = context.clusters()
    let listeners = context.node.kind == .router ? context.gatewayListeners() : context.listeners()
    let routes = context.routeNames().compactMap(context.route)
    let endpoints = clusters.map(\.name).filter { $0.hasPrefix("outbound|") }
      .compactMap(context.endpoints)
    return clusters + listeners + routes + endpoints + [context.nameTable()]
  }

  // MARK: Edits

  private func name(_ number: Int) -> String { "\(number % 2 == 0 ? "one" : "two")/s\(number)" }

  private func host(_ number: Int) -> String {
    "s\(number).\(number % 2 == 0 ? "one" : "two").svc.cluster.local"
  }

  private func service(_ number: Int, _ random: inout Random) -> [String] {
    [
      Objects.service(
        name(number), number: number, ports: .random(in: 1...3, using: &random),
        headless: .random(in: 0..<5, using: &random) == 0),
      Objects.slice(name(number), number: number, count: .random(in: 0...3, using: &random)),
    ]
  }

  private func edit(_ random: inout Random) -> ([String], [ObjectKey]) {
    let number = Int.random(in: 0..<8, using: &random)
    let parts = name(number).split(separator: "/").map(String.init)
    let key = { (kind: ResourceKind) in ObjectKey(kind: kind, namespace: parts[0], name: parts[1]) }
    switch Int.random(in: 0..<16, using: &random) {
    case 0, 1: return (service(number, &random), [])
    case 2: return ([], [key(Kubernetes.Service.kind)])
    case 3: return ([Objects.slice(name(number), number: number, count: 2)], [])
    case 4:
      return (
        [
          Objects.pod(
            "one/p\(number)", address: "10.1.\(number).0", app: "a\(number)",
            account: Bool.random(using: &random) ? "x" : "y")
        ], []
      )
    case 5, 6: return ([route(number, &random)], [])
    case 7: return ([], [key(Istio.VirtualService.kind)])
    case 8, 9: return ([rule(number, &random)], [])
    case 10: return ([], [key(Istio.DestinationRule.kind)])
    case 11:
      let mode = ["STRICT", "PERMISSIVE", "DISABLE"].randomElement(using: &random) ?? "STRICT"
      return ([Objects.policy("\(parts[0])/default", mode: mode)], [])
    case 12...14: return ([external(number % 2, &random)], [])
    default: return sidecar(parts[0], &random)
    }
  }

  private func route(_ number: Int, _ random: inout Random) -> String {
    let matches = [
      "", #""match":[{"sourceLabels":{"team":"red"}}],"#,
      #""match":[{"sourceNamespace":"two"}],"#, #""match":[{"port":80}],"#,
    ]
    let hosts = [host(number), host(number), "*.two.svc.cluster.local", "none.example.com"]
    return Objects.route(
      name(number), host: hosts.randomElement(using: &random) ?? "",
      weight: .random(in: 0...100, using: &random),
      match: matches.randomElement(using: &random) ?? "")
  }

  private func rule(_ number: Int, _ random: inout Random) -> String {
    let extras = [
      "", #","workloadSelector":{"matchLabels":{"team":"blue"}}"#,
      #","trafficPolicy":{"loadBalancer":{"simple":"PASSTHROUGH"}}"#,
      #","trafficPolicy":{"loadBalancer":{"consistentHash":{"httpHeaderName":"x"}}}"#,
      #","trafficPolicy":{"tls":{"mode":"SIMPLE"}},"exportTo":["."]"#,
      #","trafficPolicy":{"outlierDetection":{},"loadBalancer":{"localityLbSetting":{"#
        + #""failoverPriority":["team","app=a1"]}}}"#,
    ]
    return Objects.rule(
      name(number), host: host(number), extra: extras.randomElement(using: &random) ?? "")
  }

  private func external(_ number: Int, _ random: inout Random) -> String {
    let port =
      Bool.random(using: &random)
      ? #""name":"http","protocol":"HTTP""# : #""name":"t","protocol":"TCP""#
    let count = Int.random(in: 1...3, using: &random)
    let endpoints = (1...3).shuffled(using: &random).prefix(count).map { number in
      let account = Int.random(in: 0..<4, using: &random) == 0 ? "x" : "y"
      let team = Bool.random(using: &random) ? "red" : "blue"
      return """
        {"address":"10.8.0.\(number)","serviceAccount":"\(account)","labels":{"team":"\(team)"}}
        """
    }
    return Objects.object(
      "networking.istio.io/v1", "ServiceEntry", "two/e\(number)",
      """
      "spec":{"hosts":["e\(number).example.com"],"addresses":["240.1.0.\(number)"],
       "ports":[{"number":80,\(port)}],"resolution":"STATIC",
       "endpoints":[\(endpoints.joined(separator: ","))]}
      """)
  }

  private func sidecar(_ namespace: String, _ random: inout Random) -> ([String], [ObjectKey]) {
    let key = ObjectKey(kind: Istio.Sidecar.kind, namespace: namespace, name: "default")
    guard Bool.random(using: &random) else { return ([], [key]) }
    let egress = [
      #"{"hosts":["./*"]}"#, #"{"hosts":["*/*"]}"#,
      #"{"port":{"number":80,"protocol":"HTTP","name":"h"},"hosts":["two/*"]},{"hosts":["one/*"]}"#,
    ]
    let chosen = egress.randomElement(using: &random) ?? ""
    let text = Objects.object(
      "networking.istio.io/v1", "Sidecar", "\(namespace)/default",
      #""spec":{"egress":[\#(chosen)]}"#)
    return ([text], [])
  }
}
