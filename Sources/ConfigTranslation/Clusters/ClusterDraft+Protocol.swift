// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

extension ClusterDraft {
  /// Sets what is spoken upstream by what a port is declared to speak.
  mutating func speak(_ spoken: PortProtocol) {
    if spoken.isHTTP2 {
      speakHTTP2()
      return
    }
    if spoken.isHTTPOrSniffed, facets.preservesHeaderCase { speakHTTP1(casePreserving()) }
    // Gateways do not sniff, and might offer clients HTTP/2 that the upstream lacks.
    if spoken.isSniffed, facets.kind == .sidecar || facets.kind == .waypoint {
      speakAsDownstream()
    }
  }

  /// HTTP/2, unless something was set before.
  mutating func speakHTTP2() {
    let options = httpOptions()
    guard options.upstreamProtocolOptions == nil else { return }
    options.explicitHttpConfig = options.make(
      Envoy.HttpUpstreamHttpProtocolOptions.ExplicitHttpConfig.self
    ) { $0.http2ProtocolOptions = $0.make(Envoy.Http2ProtocolOptions.self) }
  }

  private mutating func speakHTTP1(_ http1: Envoy.Http1ProtocolOptions) {
    let options = httpOptions()
    options.explicitHttpConfig = options.make(
      Envoy.HttpUpstreamHttpProtocolOptions.ExplicitHttpConfig.self
    ) { $0.httpProtocolOptions = http1 }
  }

  /// What the client speaks; options of HTTP/1 that were set before stay.
  mutating func speakAsDownstream() {
    let options = httpOptions()
    let http1 = options.explicitHttpConfig?.httpProtocolOptions
    options.useDownstreamProtocolConfig = options.make(
      Envoy.HttpUpstreamHttpProtocolOptions.UseDownstreamHttpConfig.self
    ) {
      $0.httpProtocolOptions = http1 ?? $0.make(Envoy.Http1ProtocolOptions.self)
      $0.http2ProtocolOptions = $0.make(Envoy.Http2ProtocolOptions.self)
    }
  }

  /// What the client speaks, with connections closed that are idle for five minutes: for clusters
  /// of which nothing is known.
  mutating func speakAsPassthrough() {
    let options = httpOptions()
    options.commonHttpProtocolOptions = options.make(Envoy.HttpProtocolOptions.self) {
      $0.idleTimeout = .seconds(300)
    }
    if facets.preservesHeaderCase { speakHTTP1(casePreserving()) }
    speakAsDownstream()
  }

  private func casePreserving() -> Envoy.Http1ProtocolOptions {
    cluster.make(Envoy.Http1ProtocolOptions.self) { options in
      options.headerKeyFormat = options.make(Envoy.Http1ProtocolOptions.HeaderKeyFormat.self) {
        $0.statefulFormatter = $0.make(Envoy.TypedExtensionConfig.self) {
          $0.name = "preserve_case"
          $0.typedConfig = .pack($0.make(Envoy.PreserveCaseFormatterConfig.self))
        }
      }
    }
  }

  /// Speaks HTTP/2 to an HTTP port where the rule or else the mesh wants that.
  mutating func upgrade(_ port: ServicePort, _ pool: Istio.ConnectionPoolSettings) {
    if let http = pool.http {
      if http.useClientProtocol { return }
      switch http.h2UpgradePolicy {
      case .upgrade:
        speakHTTP2()
        return
      case .doNotUpgrade: return
      case .default: break
      }
    }
    if port.protocol.isHTTP, mesh.h2UpgradePolicy == .upgrade { speakHTTP2() }
  }
}
