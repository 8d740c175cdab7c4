// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON

/// One cluster of the mesh that the control plane reads.
public struct ManagedCluster: Hashable, Sendable {
  /// Its id.
  public var id: String
  /// The Secret that names it, as `namespace/name`; empty for the one of the control plane.
  public var secret: String
  /// How far it has come: `synced`, `syncing`, `timeout`, `closed`.
  public var status: String

  /// A cluster.
  public init(id: String, secret: String, status: String) {
    self.id = id
    self.secret = secret
    self.status = status
  }
}

/// `/debug/clusterz`: the clusters of the mesh and how far they have come, in istiod's form.
enum ClusterPage {
  /// The clusters, the control plane's own first.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    .json(
      .array(
        sources.clusters().map {
          [
            "id": .string($0.id), "secretName": .string($0.secret),
            "syncStatus": .string($0.status),
          ]
        }), for: request)
  }
}
