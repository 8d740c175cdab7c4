// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import ServiceDiscovery

extension HTTPConnectionManagerInputs {
  /// The filters in Istio's order; the router is the last.
  func httpFilters(_ environment: FilterEnvironment, in arena: Arena) -> [Envoy.HttpFilter] {
    var filters: [Envoy.HttpFilter] = []
    if environment.exchangesMetadata {
      filters.append(metadataExchange(environment, in: arena))
    }
    if portProtocol == .grpcWeb {
      filters.append(.typed(arena, "envoy.filters.http.grpc_web", Envoy.GrpcWeb(arena)))
    }
    filters.append(.grpcStatistics(arena))
    if environment.overridesALPN, trafficClass != .sidecarInbound {
      filters.append(.alpn(arena))
    }
    filters.append(.typed(arena, "envoy.filters.http.fault", Envoy.HTTPFault(arena)))
    filters.append(.typed(arena, "envoy.filters.http.cors", Envoy.Cors(arena)))
    filters += environment.statistics.httpFilters(for: trafficClass, in: arena)
    if environment.keepsSessions, trafficClass != .sidecarInbound {
      filters.append(
        .typed(arena, "envoy.filters.http.stateful_session", Envoy.StatefulSession(arena)))
    }
    filters += dynamicForwarding(environment, in: arena)
    let router = Envoy.Router(arena) {
      $0.suppressEnvoyHeaders = environment.proxyHeaders.envoyDebugHeaders?.disabled ?? false
    }
    filters.append(.typed(arena, "envoy.filters.http.router", router))
    return filters
  }

  private func metadataExchange(
    _ environment: FilterEnvironment, in arena: Arena
  ) -> Envoy.HttpFilter {
    let side = trafficClass == .sidecarInbound ? "downstream" : "upstream"
    // Only outbound may leave the headers out for clusters outside of the mesh (IN_MESH).
    let skips =
      trafficClass != .sidecarInbound && !isHTTPProxy
      && environment.proxyHeaders.metadataExchangeHeaders?.mode == .inMesh
    let headers: JSONObject =
      skips ? JSONObject(distinct: [.init("skip_external_clusters", true)]) : JSONObject()
    var members: [JSONObject.Member] = [
      .init(
        "\(side)_discovery",
        [["istio_headers": .object(JSONObject())], ["workload_discovery": .object(JSONObject())]]),
      .init("\(side)_propagation", [["istio_headers": .object(headers)]]),
    ]
    members += environment.additionalLabelMembers
    return Envoy.HttpFilter(arena) {
      $0.name = "istio.metadata_exchange"
      $0.typedConfig = .typedStruct(
        arena, "type.googleapis.com/io.istio.http.peer_metadata.Config",
        JSONObject(distinct: members))
    }
  }

  private func dynamicForwarding(
    _ environment: FilterEnvironment, in arena: Arena
  ) -> [Envoy.HttpFilter] {
    guard trafficClass == .sidecarOutbound else { return [] }
    var caches: [Envoy.DnsCacheConfig] = []
    if let dynamicHost {
      caches.append(.named(arena, dynamicHost: dynamicHost, family: lookupFamily))
    }
    if let settings = environment.dynamicDNS { caches.append(settings.cache(in: arena)) }
    return caches.map { cache in
      let config = Envoy.HTTPDynamicForwardProxy(arena) { $0.dnsCacheConfig = cache }
      return .typed(arena, "envoy.filters.http.dynamic_forward_proxy", config)
    }
  }
}

extension FilterEnvironment {
  /// `additional_labels` of metadata exchange.
  var additionalLabelMembers: [JSONObject.Member] {
    guard !additionalLabels.isEmpty else { return [] }
    return [.init("additional_labels", .array(additionalLabels.map { .string($0) }))]
  }
}

extension Envoy.HttpFilter {
  /// A filter with its configuration.
  static func typed(
    _ arena: Arena, _ name: String, _ config: some ProtobufMessage
  ) -> Envoy.HttpFilter {
    Envoy.HttpFilter(arena) {
      $0.name = name
      $0.typedConfig = .pack(config)
    }
  }

  /// Counts of gRPC messages, kept for the statistics.
  fileprivate static func grpcStatistics(_ arena: Arena) -> Envoy.HttpFilter {
    let config = Envoy.GrpcStats(arena) {
      $0.emitFilterState = true
      $0.statsForAllMethods = false
    }
    return .typed(arena, "envoy.filters.http.grpc_stats", config)
  }

  /// What the proxy says to the other side of the connection that it speaks.
  fileprivate static func alpn(_ arena: Arena) -> Envoy.HttpFilter {
    let overrides: [(Envoy.IstioALPN.ProtocolName, [String])] = [
      (.http10, ["istio-http/1.0", "istio", "http/1.0"]),
      (.http11, ["istio-http/1.1", "istio", "http/1.1"]),
      (.http2, ["istio-h2", "istio", "h2"]),
    ]
    let config = Envoy.IstioALPN(arena) { config in
      for (spoken, names) in overrides {
        config.alpnOverride.append(
          Envoy.IstioALPN.AlpnOverride(arena) {
            $0.upstreamProtocol = spoken
            $0.alpnOverride = .init(names)
          })
      }
    }
    return .typed(arena, "istio.alpn", config)
  }
}

extension ProtobufAny {
  /// A configuration without a message of ours: a type's URL and JSON.
  static func typedStruct(_ arena: Arena, _ url: String, _ value: JSONObject) -> ProtobufAny {
    .pack(
      Envoy.TypedStruct(arena) {
        $0.typeUrl = url
        $0.value = value
      })
  }
}
