// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// All that a cluster depends on as gRPC's own client takes it, without any proxy.
struct ProxylessClusterInputs: ResourceInputs {
  static let type = ResourceType.cluster

  /// The name.
  var name: String
  /// What the DestinationRule says.
  var policy: Istio.TrafficPolicy?
  /// The identities of the service's workloads, sorted.
  var identities: [String]
  /// Whether endpoints that keep old sessions only stay in use for these.
  var keepsDraining: Bool

  func make(in arena: Arena) -> Envoy.Cluster {
    Envoy.Cluster(arena) { cluster in
      cluster.name = name
      cluster.altStatName = name + ";"
      cluster.type = .eds
      cluster.edsClusterConfig = cluster.make(Envoy.Cluster.EdsClusterConfig.self) { eds in
        eds.serviceName = name
        eds.edsConfig = eds.make(Envoy.ConfigSource.self) {
          $0.ads = $0.make(Envoy.AggregatedConfigSource.self)
        }
      }
      if keepsDraining { cluster.keepDraining() }
      if policy?.tls?.mode == .istioMutual { secure(cluster) }
      balance(cluster)
      guard let most = policy?.connectionPool?.http?.http2MaxRequests, most > 0 else { return }
      // The one limit that gRPC knows (gRFC A32).
      cluster.circuitBreakers = cluster.make(Envoy.CircuitBreakers.self) { breakers in
        breakers.thresholds.append(
          breakers.make(Envoy.CircuitBreakers.Thresholds.self) { $0.maxRequests = UInt32(most) })
      }
    }
  }

  private func balance(_ cluster: Envoy.Cluster) {
    switch policy?.loadBalancer?.lbPolicy {
    case .consistentHash(let hash)?: cluster.chooseByHash(hash)
    case .simple(.leastRequest)?: cluster.lbPolicy = .leastRequest
    // gRPC takes endpoints in turn, and knows no other rule.
    default: return
    }
  }

  private func secure(_ cluster: Envoy.Cluster) {
    let context = cluster.make(Envoy.UpstreamTlsContext.self) { context in
      context.commonTlsContext = context.make(Envoy.CommonTlsContext.self) {
        ProxylessTLS.fill($0, names: identities)
      }
    }
    cluster.transportSocket = cluster.make(Envoy.TransportSocket.self) {
      $0.name = "envoy.transport_sockets.tls"
      $0.typedConfig = .pack(context)
    }
  }
}

/// TLS as gRPC takes it: certificates of providers that its bootstrap names.
enum ProxylessTLS {
  /// Says which certificates to show and to trust, and whom to expect.
  static func fill(_ common: Envoy.CommonTlsContext, names: [String]) {
    let provider = "default"
    let (own, root) = (SecretReferences.workloadCertificate, SecretReferences.workloadRoot)
    common.tlsCertificateCertificateProviderInstance = instance(common, provider, own)
    common.tlsCertificateProviderInstance = plugin(common, provider, own)
    common.combinedValidationContext = common.make(
      Envoy.CommonTlsContext.CombinedCertificateValidationContext.self
    ) { combined in
      combined.validationContextCertificateProviderInstance = instance(common, provider, root)
      combined.defaultValidationContext = combined.make(Envoy.CertificateValidationContext.self) {
        $0.caCertificateProviderInstance = plugin(common, provider, root)
        for name in names {
          $0.matchSubjectAltNames.append($0.make(Envoy.StringMatcher.self) { $0.exact = name })
        }
      }
    }
  }

  private static func instance(
    _ common: Envoy.CommonTlsContext, _ provider: String, _ name: String
  ) -> Envoy.CommonTlsContext.CertificateProviderInstance {
    common.make(Envoy.CommonTlsContext.CertificateProviderInstance.self) {
      $0.instanceName = provider
      $0.certificateName = name
    }
  }

  private static func plugin(
    _ common: Envoy.CommonTlsContext, _ provider: String, _ name: String
  ) -> Envoy.CertificateProviderPluginInstance {
    common.make(Envoy.CertificateProviderPluginInstance.self) {
      $0.instanceName = provider
      $0.certificateName = name
    }
  }
}

extension ProxyContext {
  /// The clusters of a client of gRPC, sorted by name; it asks for those that it uses.
  func proxylessClusters() -> [EncodedResource] {
    outbound.services.flatMap { service -> [EncodedResource] in
      let rule = outbound.destinationRule(for: service.hostname, workload: node.labels)
      let subsets = [""] + (rule?.rule.subsets ?? []).map(\.name)
      return service.ports.filter { $0.protocol != .udp }.flatMap { port in
        subsets.map { subset in
          let name = ClusterName(
            .outbound, port: port.number, subset: subset, host: service.hostname.text)
          let policy = rule?.rule.policy(port: port.number, subset: subset)
          return cache.resource(
            ProxylessClusterInputs(
              name: name.description, policy: policy, identities: mesh.identities(of: service),
              keepsDraining: subset.isEmpty && service.hasPersistentSessions(settings)))
        }
      }
    }.sorted { $0.name < $1.name }
  }
}

extension Envoy.Cluster {
  /// Keeps endpoints that go away for the sessions that they have.
  func keepDraining() {
    let common = commonLbConfig ?? make(Envoy.Cluster.CommonLbConfig.self)
    common.overrideHostStatus = common.make(Envoy.HealthStatusSet.self) {
      $0.statuses = .init([Envoy.HealthStatus.healthy, .draining, .unknown, .degraded])
    }
    commonLbConfig = common
  }
}
