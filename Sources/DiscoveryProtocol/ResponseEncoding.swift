// SPDX-License-Identifier: Apache-2.0

public import Bytes
import EnvoyAPI

extension SotWResponse {
  /// The wire bytes of a `DiscoveryResponse`: a head, the shared resources, a tail.
  ///
  /// - Parameters:
  ///   - controlPlane: The text of `control_plane.identifier`; empty leaves it out.
  ///   - chunks: Where responses share runs of resources.
  public func encoded(
    controlPlane: String, chunks: ResponseChunks = ResponseChunks()
  ) -> [ByteSlice] {
    var tail = ResponseTail(type: type, nonce: nonce)
    tail.controlPlane(field: 6, controlPlane)
    return [headSlice(version: version)] + chunks.slices(resources, .sotw) + [tail.slice]
  }
}

extension DeltaResponse {
  /// The wire bytes of a `DeltaDiscoveryResponse`: a head, the shared resources, a tail.
  ///
  /// - Parameters:
  ///   - controlPlane: The text of `control_plane.identifier`; empty leaves it out.
  ///   - chunks: Where responses share runs of resources.
  public func encoded(
    controlPlane: String, chunks: ResponseChunks = ResponseChunks()
  ) -> [ByteSlice] {
    var tail = ResponseTail(type: type, nonce: nonce)
    for name in removed { tail.writer.string(field: 6, name) }
    tail.controlPlane(field: 7, controlPlane)
    return [headSlice(version: systemVersion)] + chunks.slices(resources, .delta) + [tail.slice]
  }
}

/// Field 1 of either response: the version.
private func headSlice(version: String) -> ByteSlice {
  var head = WireWriter()
  head.string(field: 1, version)
  return ByteSlice(SharedBytes(head.bytes))
}

/// The fields after the resources; the type's URL and the nonce are 4 and 5 in either response.
private struct ResponseTail {
  var writer = WireWriter()

  init(type: ResourceType, nonce: String) {
    writer.string(field: 4, type.url)
    writer.string(field: 5, nonce)
  }

  mutating func controlPlane(field: Int, _ identifier: String) {
    guard !identifier.isEmpty else { return }
    var message = WireWriter()
    message.string(field: 1, identifier)
    writer.field(field, message.bytes)
  }

  var slice: ByteSlice { ByteSlice(SharedBytes(writer.bytes)) }
}
