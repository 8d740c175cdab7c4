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
  /// How old, in seconds, the snapshot is that stands in for its API server; nil where none does.
  public var snapshotAge: Double?

  /// A cluster.
  public init(id: String, secret: String, status: String, snapshotAge: Double? = nil) {
    self.snapshotAge = snapshotAge
    self.id = id
    self.secret = secret
    self.status = status
  }
}

/// `/debug/clusterz`: the clusters of the mesh and how far they have come, in istiod's form.
enum ClusterPage {
  /// The clusters, the control plane's own first.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    .json(.array(sources.clusters().map(\.json)), for: request)
  }
}

extension ManagedCluster {
  fileprivate var json: JSONValue {
    var members: [JSONObject.Member] = [
      .init("id", .string(id)), .init("secretName", .string(secret)),
      .init("syncStatus", .string(status)),
    ]
    if let snapshotAge { members.append(.init("snapshotAge", .integer(Int64(snapshotAge)))) }
    return .object(JSONObject(distinct: members))
  }
}
