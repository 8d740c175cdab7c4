// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

/// What of a proxy shapes its clusters; proxies with equal facets share them.
struct ClusterFacets: Hashable, Sendable {
  /// Files of a client certificate that the proxy names in its metadata (`TLS_CLIENT_…`).
  struct ClientCertificate: Hashable, Sendable {
    /// The chain.
    var chain: String
    /// The private key.
    var key: String
    /// The roots that it trusts.
    var root: String
  }

  /// What the proxy is for.
  var kind: ProxyNode.Kind
  /// Whether it has no agent, so that nothing may refer to `sds-grpc`.
  var isPlain: Bool
  /// Where it has the workload's certificate from.
  var secretSource: ProxyNode.SecretSource
  /// Whether it is Istio's own build of Envoy, which gets what istiod writes, deprecated or not.
  var isIstioBuild: Bool
  /// Whether it exchanges metadata with its peers by Istio's filter.
  var exchangesMetadata: Bool
  /// Which addresses it asks DNS for.
  var lookupFamily: DNSLookupFamily
  /// The client certificate of its metadata.
  var clientCertificate: ClientCertificate?
  /// Whether names of HTTP/1 headers keep their letters' case.
  var preservesHeaderCase: Bool
  /// Whether a socket beside it serves secrets of credential names.
  var hasCredentialSocket: Bool
  /// Whether a socket beside it serves secrets of files.
  var hasFileCredentialSocket: Bool
}

extension ClusterFacets {
  /// The facets of a proxy.
  init(_ context: ProxyContext) {
    let node = context.node
    kind = node.kind
    isPlain = node.isPlain
    secretSource = node.secretSource
    isIstioBuild = node.hasIstioFilter("istio.metadata_exchange")
    exchangesMetadata =
      isIstioBuild
      && context.settings.feature("PILOT_ENABLE_METADATA_EXCHANGE", default: true)
    lookupFamily = context.addressFamilies.lookupFamily
    let chain = node.text("TLS_CLIENT_CERT_CHAIN")
    if !chain.isEmpty {
      clientCertificate = ClientCertificate(
        chain: chain, key: node.text("TLS_CLIENT_KEY"), root: node.text("TLS_CLIENT_ROOT_CERT"))
    }
    preservesHeaderCase = context.preservesHeaderCase
    hasCredentialSocket = node.text("credential") == "true"
    hasFileCredentialSocket = node.text("file-credential") == "true"
  }
}

extension ProxyContext {
  /// `proxyHeaders.preserveHttp1HeaderCase` of the proxy's own configuration, else the mesh's.
  fileprivate var preservesHeaderCase: Bool {
    let written = node.metadata["PROXY_CONFIG"].flatMap { json in
      try? Istio.Mesh.ProxyConfig.standard.overlaid(with: json)
    }
    let config = written ?? settings.mesh.defaultConfig
    return config?.proxyHeaders?.preserveHttp1HeaderCase ?? false
  }
}
