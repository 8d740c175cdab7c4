// SPDX-License-Identifier: Apache-2.0

import Bytes
public import EnvoyAPI

/// What clusters refer to.
public enum ClusterReferences {
  /// The name of the load assignment that a cluster needs by EDS; nil where it needs none.
  public static func endpoints(of resource: EncodedResource) -> String? {
    resource.packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        guard let cluster = try? Envoy.Cluster(unpacking: bytes, in: arena), cluster.type == .eds
        else { return nil }
        let name = cluster.edsClusterConfig?.serviceName ?? ""
        return name.isEmpty ? cluster.name : name
      }
    }
  }
}
