// SPDX-License-Identifier: Apache-2.0

import Bytes
import DiscoveryProtocol
import EnvoyAPI
import GRPC
import JSON
import MeshModel
import ServiceDiscovery

/// A request, and the node that it brings, if it does.
struct DecodedRequest: Sendable {
  var request: StreamRequest
  var node: NodeDescription?
  var size: Int
}

/// Envoy's `Node` as values.
struct NodeDescription: Sendable {
  var id: String
  var cluster: String
  var metadata: JSONObject
  var locality: Locality
  var extensions: Set<String>
  var clientFeatures: Set<String>
  var envoyVersion: String

  init(_ node: Envoy.Node) {
    id = node.id
    cluster = node.cluster
    metadata = node.metadata ?? JSONObject()
    locality = Locality(
      region: node.locality?.region ?? "", zone: node.locality?.zone ?? "",
      subzone: node.locality?.subZone ?? "")
    extensions = Set(node.extensions.map(\.name))
    clientFeatures = Set(node.clientFeatures)
    envoyVersion = node.userAgentVersion ?? ""
    if let version = node.userAgentBuildVersion?.version {
      envoyVersion = "\(version.majorNumber).\(version.minorNumber).\(version.patch)"
    }
  }
}

extension StreamMachine.Face {
  /// Decodes a request of this face.
  ///
  /// - Throws: A status that says what is wrong with the bytes.
  func decode(_ message: GRPCMessage) throws(GRPCStatus) -> DecodedRequest {
    let bytes = message.array
    do {
      return try bytes.withUnsafeBytes { buffer throws(WireError) in
        try Arena.scope { arena throws(WireError) in
          switch self {
          case .sotw:
            DecodedRequest(
              try Envoy.DiscoveryRequest(unpacking: buffer, in: arena), size: buffer.count)
          case .delta:
            DecodedRequest(
              try Envoy.DeltaDiscoveryRequest(unpacking: buffer, in: arena), size: buffer.count)
          }
        }
      }
    } catch {
      throw GRPCStatus(.invalidArgument, "The request cannot be read: \(error)")
    }
  }
}

extension DecodedRequest {
  fileprivate init(_ message: Envoy.DiscoveryRequest, size: Int) {
    self.size = size
    node = message.node.map(NodeDescription.init)
    request = .sotw(SotWRequest(message))
  }

  fileprivate init(_ message: Envoy.DeltaDiscoveryRequest, size: Int) {
    self.size = size
    node = message.node.map(NodeDescription.init)
    request = .delta(DeltaRequest(message))
  }
}
