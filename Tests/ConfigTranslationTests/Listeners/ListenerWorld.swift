// SPDX-License-Identifier: Apache-2.0

import Bytes
import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery
import YAML

/// A mesh of YAML, and what the proxy of one workload does with connections.
struct ListenerWorld {
  let mesh: MeshSnapshot

  /// Two services of one workload, `server` at 10.0.0.2, and nothing else but `objects`.
  init(_ objects: String = "", settings: MeshSettings = MeshSettings()) {
    let text = ListenerWorld.services + "\n---\n" + objects
    let documents = YAML.documents(in: [UInt8](text.utf8), limits: YAMLLimits()).documents
    mesh = MeshSnapshot(
      documents.compactMap {
        ConfigurationObject.decode($0.value, strictness: .lenient).object
      }, settings: settings)
  }

  private static let services = """
    apiVersion: v1
    kind: Service
    metadata: {name: server, namespace: default}
    spec:
      clusterIP: 10.1.0.2
      clusterIPs: [10.1.0.2]
      selector: {app: server}
      ports:
      - {name: http, protocol: TCP, port: 80, targetPort: 8080}
      - {name: tcp, protocol: TCP, port: 9000, targetPort: 9000}
      - {name: data, protocol: TCP, port: 7000, targetPort: 7000}
      - {name: tls, protocol: TCP, port: 443, targetPort: 8443}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: server-1, namespace: default, labels: {app: server}}
    spec: {serviceAccountName: server, containers: []}
    status: {podIP: 10.0.0.2, phase: Running}
    """

  /// The proxy of the workload `server`, or of a client at 10.0.0.9.
  func context(
    address: String = "10.0.0.9", metadata: JSONObject = ListenerWorld.istio
  ) -> ProxyContext {
    var node = ProxyNode(
      id: "sidecar~\(address)~pod.default~default.svc.cluster.local", kind: .sidecar,
      addresses: [address], name: "pod", namespace: "default",
      dnsDomain: "default.svc.cluster.local")
    node.metadata = metadata
    node.cluster = "Kubernetes"
    node.istioVersion = metadata["ISTIO_VERSION"]?.string
    node.generator = metadata["GENERATOR"]?.string ?? ""
    if let mode = metadata["INTERCEPTION_MODE"]?.string {
      node.interception = ProxyNode.Interception(rawValue: mode) ?? .redirect
    }
    return ProxyContext(mesh, node: node, cache: ResourceCache())
  }

  static let istio = JSONObject(distinct: [
    .init("ISTIO_VERSION", "1.30.3"), .init("CLUSTER_ID", "Kubernetes"),
    .init("NAMESPACE", "default"),
  ])
  static let plain = JSONObject(distinct: [.init("CLUSTER_ID", "Kubernetes")])
}

/// How a connection begins.
struct Connection {
  var address: String
  var port: UInt32
  var alpn = ""
  var serverName = ""
  var isTLS = false
}

extension [EncodedResource] {
  /// Where a connection from the workload goes: `cluster NAME`, `routes NAME`, or `nowhere`.
  func outbound(_ connection: Connection) -> String {
    let names = ["\(connection.address)_\(connection.port)", "0.0.0.0_\(connection.port)"]
    let listener =
      names.lazy.compactMap { name in first { $0.name == name } }.first
      ?? first { $0.name == "virtualOutbound" }
    return listener?.answer(connection) ?? "nowhere"
  }

  /// Where a connection to the workload goes.
  func inbound(_ connection: Connection) -> String {
    first { $0.name == "virtualInbound" }?.answer(connection) ?? "nowhere"
  }
}

extension EncodedResource {
  /// What the listener does with a connection, by Envoy's order of matches.
  fileprivate func answer(_ connection: Connection) -> String {
    packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        guard let listener = try? Envoy.Listener(unpacking: bytes, in: arena) else { return "?" }
        let best = listener.filterChains
          .compactMap { chain in chain.rank(for: connection).map { ($0, chain) } }
          .max { $0.0.lexicographicallyPrecedes($1.0) }
        return (best?.1 ?? listener.defaultFilterChain)?.target ?? "nowhere"
      }
    }
  }

  /// The names of everything that its filters and transport sockets are.
  var filterNames: Set<String> {
    packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        guard let listener = try? Envoy.Listener(unpacking: bytes, in: arena) else { return [] }
        let chains = Array(listener.filterChains) + (listener.defaultFilterChain.map { [$0] } ?? [])
        var names: Set<String> = []
        for chain in chains {
          if let socket = chain.transportSocket { names.insert(socket.name) }
          for filter in chain.filters {
            names.insert(filter.name)
            let manager = filter.typedConfig?.unpack(Envoy.HttpConnectionManager.self, in: arena)
            for filter in manager?.httpFilters ?? [] { names.insert(filter.name) }
          }
        }
        return names
      }
    }
  }
}

extension Envoy.FilterChain {
  /// How well the chain matches, a number for each criterion in Envoy's order: port, address,
  /// SNI, transport, ALPN; nil where one does not match.
  fileprivate func rank(for connection: Connection) -> [Int]? {
    guard let match = filterChainMatch else { return [0, 0, 0, 0, 0] }
    var ranks = [0, 0, 0, 0, 0]
    if let port = match.destinationPort {
      guard port == connection.port else { return nil }
      ranks[0] = 1
    }
    if !match.prefixRanges.isEmpty {
      guard let address = IPAddress(connection.address) else { return nil }
      let lengths = match.prefixRanges.compactMap { range -> Int? in
        let text = "\(range.addressPrefix)/\(range.prefixLen ?? 0)"
        guard let known = IPRange(text), known.contains(address) else { return nil }
        return known.prefixLength
      }
      guard let longest = lengths.max() else { return nil }
      ranks[1] = longest + 1
    }
    if !match.serverNames.isEmpty {
      guard match.serverNames.contains(connection.serverName) else { return nil }
      ranks[2] = 1
    }
    if !match.transportProtocol.isEmpty {
      guard (match.transportProtocol == "tls") == connection.isTLS else { return nil }
      ranks[3] = 1
    }
    if !match.applicationProtocols.isEmpty {
      guard match.applicationProtocols.contains(connection.alpn) else { return nil }
      ranks[4] = 1
    }
    return ranks
  }

  fileprivate var target: String {
    for filter in filters {
      if let proxy = filter.typedConfig?.unpack(Envoy.TcpProxy.self, in: arena) {
        if let weighted = proxy.weightedClusters {
          return weighted.clusters.map { "\($0.weight) \($0.name)" }.joined(separator: ", ")
        }
        return "cluster \(proxy.cluster ?? "")"
      }
      if let manager = filter.typedConfig?.unpack(Envoy.HttpConnectionManager.self, in: arena) {
        return "routes \(manager.rds?.routeConfigName ?? manager.routeConfig?.name ?? "")"
      }
    }
    return "nowhere"
  }
}
