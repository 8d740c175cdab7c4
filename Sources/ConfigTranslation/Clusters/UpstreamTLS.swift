// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel

/// What TLS a cluster speaks, once rule, mesh and proxy are taken together.
struct UpstreamTLS {
  /// The settings, with what is left out filled in.
  var settings: Istio.ClientTLSSettings
  /// Whether nobody asked for it: then each endpoint says whether it wants it.
  var isAutomatic: Bool
}

/// What of a cluster's service decides over its TLS.
struct TLSContext {
  /// The identities of the service's workloads.
  var identities: [String]
  /// The name that mutual TLS sends as SNI.
  var serverName: String
  /// Whether the service is outside of the mesh.
  var isMeshExternal: Bool
  /// Whether a ServiceEntry declares the service.
  var isExternal: Bool
  /// What the service's workloads take; nil where it is not known.
  var mode: MutualTLSMode?
  /// Whether the rule is for selected workloads only.
  var isRuleSelective: Bool
}

extension ClusterDraft {
  /// The TLS that is to be spoken; nil for plain text.
  func upstreamTLS(
    _ written: Istio.ClientTLSSettings?, _ context: TLSContext
  ) -> UpstreamTLS? {
    guard let written else { return automaticTLS(context) }
    if written.mode == .disable || written.mode == .simple {
      return UpstreamTLS(settings: written, isAutomatic: false)
    }
    if let certificate = facets.clientCertificate {
      let prefersRule = settings.feature(
        "PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES", default: true)
      if prefersRule && context.isMeshExternal {
        return UpstreamTLS(settings: written, isAutomatic: false)
      }
      var own = certificate.settings(names: written.subjectAltNames, serverName: written.sni)
      own.insecureSkipVerify = written.insecureSkipVerify
      return UpstreamTLS(settings: own, isAutomatic: false)
    }
    guard written.mode == .istioMutual else {
      return UpstreamTLS(settings: written, isAutomatic: false)
    }
    var tls = Istio.ClientTLSSettings.istioMutual(
      names: written.subjectAltNames.isEmpty ? context.identities : written.subjectAltNames,
      serverName: written.sni.isEmpty ? context.serverName : written.sni)
    tls.insecureSkipVerify = written.insecureSkipVerify
    return UpstreamTLS(settings: tls, isAutomatic: false)
  }

  private func automaticTLS(_ context: TLSContext) -> UpstreamTLS? {
    guard !context.isMeshExternal, mesh.enableAutoMtls ?? true, let mode = context.mode,
      mode != .disable
    else { return nil }
    if let certificate = facets.clientCertificate {
      let own = certificate.settings(names: context.identities, serverName: context.serverName)
      return UpstreamTLS(settings: own, isAutomatic: true)
    }
    let tls = Istio.ClientTLSSettings.istioMutual(
      names: context.identities, serverName: context.serverName)
    return UpstreamTLS(settings: tls, isAutomatic: true)
  }

  /// Sets the transport of connections, by endpoint where mutual TLS is automatic.
  mutating func secure(_ tls: UpstreamTLS?, _ context: TLSContext) {
    guard let tls, let socket = transportSocket(tls.settings, context) else { return }
    let isByEndpoint = tls.isAutomatic && tls.settings.mode == .istioMutual
    guard isByEndpoint, cluster.type != .originalDst else {
      cluster.transportSocket = socket
      return
    }
    cluster.transportSocketMatches = [
      cluster.make(Envoy.Cluster.TransportSocketMatch.self) {
        $0.name = "tlsMode-istio"
        $0.match = .init(distinct: [.init("tlsMode", "istio")])
        $0.transportSocket = socket
      },
      cluster.make(Envoy.Cluster.TransportSocketMatch.self) {
        $0.name = "tlsMode-disabled"
        $0.match = .init()
        $0.transportSocket = plainSocket("envoy.transport_sockets.raw_buffer")
      },
    ]
  }

  private func plainSocket(_ name: String) -> Envoy.TransportSocket {
    cluster.make(Envoy.TransportSocket.self) {
      $0.name = name
      $0.typedConfig = .pack($0.make(Envoy.RawBuffer.self))
    }
  }

  /// The socket of TLS; nil for plain text.
  private mutating func transportSocket(
    _ tls: Istio.ClientTLSSettings, _ context: TLSContext
  ) -> Envoy.TransportSocket? {
    guard let message = tlsContext(tls, context) else { return nil }
    return cluster.make(Envoy.TransportSocket.self) {
      $0.name = "envoy.transport_sockets.tls"
      $0.typedConfig = .pack(message)
    }
  }

  /// Puts the header of the PROXY protocol before each connection.
  func announceClient(_ rule: Istio.TrafficPolicy.ProxyProtocol?) {
    guard let rule else { return }
    if cluster.transportSocketMatches.isEmpty {
      let inner = cluster.transportSocket ?? plainSocket("envoy.transport_sockets.raw_buffer")
      cluster.transportSocket = announcing(inner, rule)
    }
    for match in cluster.transportSocketMatches {
      if let inner = match.transportSocket { match.transportSocket = announcing(inner, rule) }
    }
  }

  private func announcing(
    _ inner: Envoy.TransportSocket, _ rule: Istio.TrafficPolicy.ProxyProtocol
  ) -> Envoy.TransportSocket {
    cluster.make(Envoy.TransportSocket.self) { socket in
      socket.name = "envoy.transport_sockets.upstream_proxy_protocol"
      socket.typedConfig = .pack(
        socket.make(Envoy.ProxyProtocolUpstreamTransport.self) { transport in
          transport.config = transport.make(Envoy.ProxyProtocolConfig.self) {
            $0.version = rule.version == .v1 ? .v1 : .v2
          }
          transport.transportSocket = inner
        })
    }
  }
}

extension Istio.ClientTLSSettings {
  fileprivate static func istioMutual(
    names: [String], serverName: String
  ) -> Istio.ClientTLSSettings {
    .with {
      $0.mode = .istioMutual
      $0.subjectAltNames = names
      $0.sni = serverName
    }
  }
}

extension ClusterFacets.ClientCertificate {
  fileprivate func settings(names: [String], serverName: String) -> Istio.ClientTLSSettings {
    .with {
      $0.mode = .mutual
      $0.caCertificates = root
      $0.clientCertificate = chain
      $0.privateKey = key
      $0.subjectAltNames = names
      $0.sni = serverName
    }
  }
}
