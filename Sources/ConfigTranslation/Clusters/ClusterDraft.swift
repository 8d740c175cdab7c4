// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

/// A cluster in the making.
struct ClusterDraft {
  /// The message.
  let cluster: Envoy.Cluster
  /// What of the proxy shapes it.
  let facets: ClusterFacets
  /// What the mesh is set to.
  let settings: MeshSettings
  /// The options of upstream HTTP, which go into an extension of the cluster at last.
  var http: Envoy.HttpUpstreamHttpProtocolOptions?
  /// What stands under `filter_metadata.istio`.
  var metadata = IstioMetadata()
  /// Whether the cluster asks DNS for whatever name a client asks for.
  var isForwardProxy = false

  /// The mesh configuration.
  var mesh: Istio.MeshConfig { settings.mesh }
  /// Where messages are made.
  var arena: Arena { cluster.arena }

  /// A cluster of a name, under which its statistics stand too.
  init(_ name: String, facets: ClusterFacets, settings: MeshSettings, in arena: Arena) {
    cluster = Envoy.Cluster(arena) {
      $0.name = name
      $0.altStatName = name + ";"
    }
    self.facets = facets
    self.settings = settings
  }

  /// The options of upstream HTTP, made if there were none.
  mutating func httpOptions() -> Envoy.HttpUpstreamHttpProtocolOptions {
    if let http { return http }
    let made = cluster.make(Envoy.HttpUpstreamHttpProtocolOptions.self)
    http = made
    return made
  }

  /// Whether HTTP/2 is spoken whatever the client speaks.
  var isHTTP2: Bool { http?.explicitHttpConfig?.http2ProtocolOptions != nil }

  /// Sets how endpoints are found.
  func discover(_ type: Envoy.Cluster.DiscoveryType) { cluster.type = type }

  /// Adds Istio's exchange of metadata over TCP, where the proxy has it.
  func exchangeMetadata() {
    guard facets.exchangesMetadata else { return }
    let config = JSONObject(distinct: [
      .init("protocol", "istio-peer-exchange"), .init("enable_discovery", true),
    ])
    cluster.filters.append(
      cluster.make(Envoy.ClusterFilter.self) { filter in
        filter.name = "istio.metadata_exchange"
        filter.typedConfig = .pack(
          filter.make(Envoy.TypedStruct.self) {
            $0.typeUrl =
              "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange"
            $0.value = config
          })
      })
  }

  /// Lists services for metrics.
  mutating func list(services: [MeshService]) {
    let values = services.map { service -> JSONValue in
      [
        "host": .string(service.hostname.text), "name": .string(service.name),
        "namespace": .string(service.namespace),
      ]
    }
    metadata.set("services", .array(values))
  }

  /// The finished cluster.
  consuming func finished() -> Envoy.Cluster {
    if let http {
      if http.upstreamProtocolOptions == nil {
        http.explicitHttpConfig = http.make(
          Envoy.HttpUpstreamHttpProtocolOptions.ExplicitHttpConfig.self
        ) { $0.httpProtocolOptions = $0.make(Envoy.Http1ProtocolOptions.self) }
      }
      cluster.typedExtensionProtocolOptions[ClusterDraft.httpExtension] = .pack(http)
    }
    if !metadata.isEmpty { cluster.metadata = metadata.message(in: arena) }
    return cluster
  }

  /// The name under which clusters hold the options of upstream HTTP.
  static let httpExtension = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
}
