// SPDX-License-Identifier: Apache-2.0

import Configuration
public import EnvoyAPI
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// A secret that the proxy asks for by SDS; nil where it does not exist or the proxy may not read
  /// it.
  ///
  /// Only a proxy that has proved who it is may read any; in Kubernetes one whose service account may
  /// list the secrets of its namespace. Of Secrets it may read those of its own
  /// namespace that a Gateway or DestinationRule names which applies to it, wherever that stands;
  /// roots of its own namespace, and ConfigMaps, which hold roots only, are no secret.
  public func secret(_ name: String) -> EncodedResource? {
    guard let reader = node.identity,
      let asked = SecretName(name, proxyNamespace: reader.namespace),
      isReadable(asked, name, by: reader), let content = content(of: asked)
    else { return nil }
    return cache.resource(SecretInputs(name: name, reader: reader, content: content))
  }

  private func isReadable(
    _ asked: SecretName, _ name: String, by reader: VerifiedIdentity
  ) -> Bool {
    if asked.kind == .configMap { return true }
    guard reader.namespace == node.namespace, asked.namespace == reader.namespace else {
      return false
    }
    if asked.kind == .secret, asked.isAuthority { return true }
    guard asked.kind != .secret || reader.mayReadSecrets else { return false }
    return gateways.secretNames.contains(name)
      || asked.kind == .secret && ruleSecretNames.contains(name)
  }

  private func content(of asked: SecretName) -> SecretInputs.Content? {
    switch asked.kind {
    case .configMap:
      let object = mesh.config.configMaps.object(asked.namespace, asked.baseObject)
      let data = object?.spec.data.mapValues { SecretBytes(Array($0.utf8)) }
      return data.flatMap(SecretInputs.Content.init(authority:))
    case .secret, .gatewaySecret:
      let exact = mesh.config.secrets.object(asked.namespace, asked.object)
      guard asked.isAuthority else {
        return exact.flatMap { SecretInputs.Content(certificate: $0.spec.data) }
      }
      let object = exact ?? mesh.config.secrets.object(asked.namespace, asked.baseObject)
      return object.flatMap { SecretInputs.Content(authority: $0.spec.data) }
    }
  }

  /// The secrets that DestinationRules name which apply to the proxy: a sidecar only has them from
  /// rules that select its workload.
  private var ruleSecretNames: Set<String> {
    var names: Set<String> = []
    for service in outbound.services {
      let found = outbound.destinationRule(for: service.hostname, workload: node.labels)?.rule
      guard let rule = found, node.kind == .router || rule.selectorLabels != nil else { continue }
      let policies = [rule.trafficPolicy] + rule.subsets.map(\.trafficPolicy)
      for policy in policies.compactMap({ $0 }) {
        for tls in [policy.tls] + policy.portLevelSettings.map(\.tls) {
          guard let name = tls?.credentialName, !name.isEmpty else { continue }
          names.insert(SecretReferences.resourceName(name))
          names.insert(SecretReferences.resourceName(name + SecretReferences.authoritySuffix))
        }
      }
    }
    return names
  }
}

extension MergedGateways {
  /// The secrets that servers name, as proxies ask for them.
  fileprivate var secretNames: Set<String> {
    var names: Set<String> = []
    for server in ports.flatMap(\.servers) {
      guard let tls = server.server.tls else { continue }
      let written = tls.credentialNames.isEmpty ? [tls.credentialName] : tls.credentialNames
      for name in written where !name.isEmpty {
        names.insert(SecretReferences.resourceName(name))
        guard tls.mode == .mutual || tls.mode == .optionalMutual else { continue }
        names.insert(SecretReferences.resourceName(name + SecretReferences.authoritySuffix))
      }
      if !tls.caCertCredentialName.isEmpty {
        names.insert(SecretReferences.resourceName(tls.caCertCredentialName))
      }
    }
    return names
  }
}
