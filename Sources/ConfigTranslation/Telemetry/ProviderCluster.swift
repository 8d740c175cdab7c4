// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// The service of an extension provider, and the cluster that leads there.
struct ProviderCluster: Hashable, Sendable {
  /// The host, which is the authority of calls.
  var host: String
  /// The cluster's name.
  var name: String

  /// A call by gRPC.
  func grpcService(in arena: Arena) -> Envoy.GrpcService {
    Envoy.GrpcService(arena) { service in
      service.envoyGrpc = service.make(Envoy.GrpcService.EnvoyGrpc.self) {
        $0.clusterName = name
        $0.authority = host
      }
    }
  }
}

extension MeshSnapshot {
  /// The cluster of `namespace/host` or of `host`, which must then be one namespace's only.
  func providerCluster(service: String, port: UInt32) -> ProviderCluster? {
    let parts = service.split(separator: "/", omittingEmptySubsequences: false)
    let host = Hostname(valid: String(parts.last ?? ""))
    let known = registry.services(hostname: host)
    if parts.count == 2 {
      guard known[String(parts[0])] != nil else { return nil }
    } else if known.count != 1 {
      return nil
    }
    let name = ClusterName(.outbound, port: port, host: host.text)
    return ProviderCluster(host: host.text, name: "\(name)")
  }
}
