// SPDX-License-Identifier: Apache-2.0

import Configuration
import HTTPServer
import JSON
import MeshModel

/// `/debug/mesh`: the MeshConfig in use, as protobuf's JSON.
enum MeshPage {
  /// The mesh configuration of the snapshot.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    guard let snapshot = sources.snapshot() else {
      return .refusal(503, "The configuration has not been read yet.")
    }
    return .json(snapshot.settings.mesh.json, for: request)
  }
}
