// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import MeshModel

/// References to secrets that are served to a proxy, by its agent or by us.
enum SecretReferences {
  /// The workload's own certificate.
  static let workloadCertificate = "default"
  /// The roots that the workload trusts.
  static let workloadRoot = "ROOTCA"
  /// What a credential's name is followed by where its CA is meant.
  static let authoritySuffix = "-cacert"

  /// A secret that the agent beside the proxy serves (Istio's cluster `sds-grpc`), or another local
  /// server of secrets.
  static func agent(
    _ name: String, cluster: String = "sds-grpc", in arena: Arena
  ) -> Envoy.SdsSecretConfig {
    Envoy.SdsSecretConfig(arena) { secret in
      secret.name = name
      secret.sdsConfig = secret.make(Envoy.ConfigSource.self) { source in
        source.apiConfigSource = source.make(Envoy.ApiConfigSource.self) { api in
          api.apiType = .grpc
          api.setNodeOnFirstMessageOnly = true
          api.transportApiVersion = .v3
          api.grpcServices.append(
            api.make(Envoy.GrpcService.self) { service in
              service.envoyGrpc = service.make(Envoy.GrpcService.EnvoyGrpc.self) {
                $0.clusterName = cluster
              }
            })
        }
        // A proxy waits for its own certificate; files may lack without blocking the cluster.
        if name == workloadCertificate || name == workloadRoot {
          source.initialFetchTimeout = .zero
        }
        source.resourceApiVersion = .v3
      }
    }
  }

  /// The workload's own certificate or roots, from where its proxy has them.
  static func workload(
    _ name: String, from source: ProxyNode.SecretSource, in arena: Arena
  ) -> Envoy.SdsSecretConfig {
    if source == .agent || source == .none { return agent(name, in: arena) }
    return Envoy.SdsSecretConfig(arena) { secret in
      secret.name = name
      secret.sdsConfig = secret.make(Envoy.ConfigSource.self) { config in
        if case .files(let folder) = source {
          config.pathConfigSource = config.make(Envoy.PathConfigSource.self) {
            $0.path = "\(folder)/\(name).yaml"
          }
        } else {
          config.ads = config.make(Envoy.AggregatedConfigSource.self)
        }
        // A proxy waits for its own certificate.
        config.initialFetchTimeout = .zero
        config.resourceApiVersion = .v3
      }
    }
  }

  /// The secret of a `credentialName`: by ADS, or for `sds://…` from a socket beside the proxy, else
  /// from the cluster of the mesh's provider of secrets.
  static func credential(
    _ name: String, hasSocket: Bool, provider: String? = nil, in arena: Arena
  ) -> Envoy.SdsSecretConfig {
    if name == "builtin://" { return agent(workloadCertificate, in: arena) }
    if name == "builtin://" + authoritySuffix { return agent(workloadRoot, in: arena) }
    let prefix = "sds://"
    if name.hasPrefix(prefix) {
      if hasSocket { return agent(name, cluster: "sds-external", in: arena) }
      let resource = String(name.dropFirst(prefix.count))
      if let provider { return agent(resource, cluster: provider, in: arena) }
      return overADS(resource, in: arena)
    }
    return overADS(name, in: arena)
  }

  /// The name of a credential's resource; what names no known kind is a Secret.
  static func resourceName(_ credential: String) -> String {
    if credential.hasPrefix("builtin://") { return workloadCertificate }
    if credential.hasPrefix("invalid://") { return "invalid://" }
    let kinds = ["kubernetes://", "kubernetes-gateway://", "configmap://"]
    return kinds.contains { credential.hasPrefix($0) } ? credential : "kubernetes://" + credential
  }

  private static func overADS(_ name: String, in arena: Arena) -> Envoy.SdsSecretConfig {
    Envoy.SdsSecretConfig(arena) { secret in
      secret.name = resourceName(name)
      secret.sdsConfig = secret.make(Envoy.ConfigSource.self) {
        $0.ads = $0.make(Envoy.AggregatedConfigSource.self)
        $0.resourceApiVersion = .v3
      }
    }
  }
}
