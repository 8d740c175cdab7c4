// SPDX-License-Identifier: Apache-2.0

public import ConfigTranslation
import EnvoyAPI

/// Walks through generated configuration as Envoy does, and answers where a request goes.
///
/// The one place that knows how Envoy chooses: the page that explains a request reads it, and tests
/// that say "this request reaches that cluster" ask it:
///
///     let walk = RequestWalk(ProxyContext(mesh, node: node, cache: ResourceCache()))
///     let result = walk.walk(try TrafficRequest("http://reviews:9080/"))
///     #expect(result.outcome.description == "outbound|9080|v1|reviews.default.svc.cluster.local")
///
/// Give ``TrafficRequest`` headers, method, claims or ``TrafficRequest/Direction/inbound`` by its
/// properties. Names are looked up as the workload's DNS would (``ProxyContext/located(_:)``), and
/// a gateway's service ports lead to the ports that it listens on.
public struct RequestWalk: Sendable {
  private let configuration: ServedConfiguration
  private let context: ProxyContext?

  /// A walk through what a proxy is served.
  public init(_ context: ProxyContext) {
    configuration = ServedConfiguration(context)
    self.context = context
  }

  /// A walk through given resources: requests must say at which address they are.
  public init(_ configuration: ServedConfiguration) {
    self.configuration = configuration
    context = nil
  }

  /// Where a request goes, and what it meets.
  public func walk(_ request: TrafficRequest) -> WalkResult {
    let located = context?.located(request) ?? request
    return Arena.scope { arena in
      var path = WalkPath(located, configuration, arena)
      let outcome = path.begin()
      let steps = context.map { StepProvenance($0).completed(path.steps) } ?? path.steps
      return WalkResult(steps: steps, outcome: outcome)
    }
  }
}

/// A walk under way: messages live as long as its arena.
struct WalkPath {
  let request: TrafficRequest
  let configuration: ServedConfiguration
  let arena: Arena
  var steps: [WalkStep] = []

  init(_ request: TrafficRequest, _ configuration: ServedConfiguration, _ arena: Arena) {
    self.request = request
    self.configuration = configuration
    self.arena = arena
  }

  /// From the socket on.
  mutating func begin() -> WalkOutcome {
    let listeners = configuration.listeners.compactMap {
      try? $0.message(Envoy.Listener.self, in: arena)
    }
    let places = ListenerPlaces(listeners)
    guard let found = places.listener(for: request) else { return .notListening }
    var step = WalkStep(kind: .listener, name: found.listener.name)
    step.details = found.details
    step.sources = source(found.listener.metadata)
    steps.append(step)
    return enter(found.listener)
  }

  private mutating func enter(_ listener: Envoy.Listener) -> WalkOutcome {
    let chains = Array(listener.filterChains)
    let choice = FilterChainChoice(chains, for: connection(at: listener))
    var passed: [PassedOver] = []
    for (place, chain) in chains.enumerated() {
      guard let reason = choice.reasons[place] else { continue }
      let name = name(of: chain, at: place)
      passed.append(PassedOver(name, reason, sources: source(chain.metadata)))
    }
    var taken = listener.defaultFilterChain
    if let chosen = choice.chosen { taken = chains[chosen] }
    guard let chain = taken else {
      steps[steps.count - 1].passedOver = passed
      return .closed
    }
    var step = WalkStep(kind: .filterChain, name: chain.name.isEmpty ? "default" : chain.name)
    if let place = choice.chosen { step.name = name(of: chain, at: place) }
    step.resource = listener.name
    step.details = chain.summary
    step.sources = source(chain.metadata)
    step.passedOver = passed
    step.chain = references(of: chain)
    steps.append(step)
    return run(chain)
  }

  /// What the listener's filters find out of the connection.
  private func connection(at listener: Envoy.Listener) -> Connection {
    var connection = Connection(
      address: request.destination ?? "", port: request.listenerPort ?? request.port)
    let filters = Set(listener.listenerFilters.map(\.name))
    if filters.contains("envoy.filters.listener.tls_inspector"), request.beginsWithTLS {
      connection.transport = "tls"
      connection.serverName = request.requestedServerName
      connection.applicationProtocols = request.offeredProtocols
    } else if filters.contains("envoy.filters.listener.http_inspector"), !request.beginsWithTLS,
      request.scheme.isHTTP
    {
      connection.applicationProtocols = request.applicationProtocols ?? ["http/1.1"]
    }
    return connection
  }

  private func name(of chain: Envoy.FilterChain, at place: Int) -> String {
    if !chain.name.isEmpty { return chain.name }
    let asked = chain.filterChainMatch.map(\.summary) ?? []
    return asked.isEmpty ? "chain \(place)" : "chain \(place): \(asked.joined(separator: ", "))"
  }

  private func references(of chain: Envoy.FilterChain) -> ChainReferences {
    var references = ChainReferences()
    references.port = chain.filterChainMatch?.destinationPort ?? 0
    for filter in chain.filters {
      guard let any = filter.typedConfig else { continue }
      if let manager = any.unpack(Envoy.HttpConnectionManager.self, in: arena) {
        references.routes = manager.rds?.routeConfigName
      } else if let proxy = any.unpack(Envoy.TcpProxy.self, in: arena) {
        references.clusters = proxy.targets.map(\.0)
      }
    }
    return references
  }

  /// The network filters: the last one decides, and one may name its cluster by SNI.
  private mutating func run(_ chain: Envoy.FilterChain) -> WalkOutcome {
    for filter in chain.filters {
      guard let any = filter.typedConfig else { continue }
      if let manager = any.unpack(Envoy.HttpConnectionManager.self, in: arena) {
        return route(by: manager)
      }
      if let proxy = any.unpack(Envoy.TcpProxy.self, in: arena) {
        let takesNameFromSNI = chain.filters.contains {
          $0.typedConfig?.unpack(Envoy.SniCluster.self, in: arena) != nil
        }
        return takesNameFromSNI ? reach([(request.requestedServerName, 1)]) : reach(proxy.targets)
      }
      if let redis = any.unpack(Envoy.RedisProxy.self, in: arena) {
        return reach([(redis.prefixRoutes?.catchAllRoute?.cluster ?? "", 1)])
      }
    }
    return .closed
  }
}

extension TrafficRequest {
  /// Whether the first bytes are a handshake: of the client, or of its sidecar.
  var beginsWithTLS: Bool { scheme.isTLS || isMutual }

  /// The name in SNI; empty for none.
  var requestedServerName: String {
    if let serverName { return serverName.lowercased() }
    return isAddress(host) ? "" : host.lowercased()
  }

  /// What is offered in ALPN: of a sidecar what Istio's ALPN filter offers.
  var offeredProtocols: [String] {
    if let applicationProtocols { return applicationProtocols }
    if isMutual { return scheme.isHTTP ? ["istio-http/1.1", "istio", "http/1.1"] : ["istio"] }
    return scheme.isHTTP ? ["h2", "http/1.1"] : []
  }
}

extension Envoy.TcpProxy {
  fileprivate var targets: [(String, UInt32)] {
    if let cluster { return [(cluster, 1)] }
    return (weightedClusters?.clusters ?? []).map { ($0.name, $0.weight) }
  }
}
