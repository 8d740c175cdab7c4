// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import MeshModel

/// The roots that a workload is to trust, for its agent (PCDS).
struct TrustBundleInputs: ResourceInputs {
  static let type = ResourceType.proxyConfig

  /// The certificates, PEM.
  var roots: [String]

  var name: String { "pcds" }

  func make(in arena: Arena) -> Envoy.AgentConfig {
    Envoy.AgentConfig(arena) { $0.caCertificatesPem = .init(roots) }
  }
}

extension ProxyContext {
  /// The roots that the proxy is to trust; nil where the mesh has but one authority
  /// (`ISTIO_MULTIROOT_MESH` is off), whose root agents know already.
  public func trustBundle() -> EncodedResource? {
    guard !settings.trustBundle.isEmpty else { return nil }
    return cache.resource(TrustBundleInputs(roots: settings.trustBundle))
  }
}
