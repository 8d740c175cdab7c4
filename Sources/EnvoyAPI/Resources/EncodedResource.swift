// SPDX-License-Identifier: Apache-2.0

public import Bytes

/// One xDS resource as bytes: encoded once, shared by all responses that carry it.
///
/// Besides the packed message it holds the bytes that frame it in a response, so that a response
/// is a list of shared slices.
public final class EncodedResource: Sendable {
  /// The kind of resource.
  public let type: ResourceType
  /// The resource's name, unique within its type for one proxy.
  public let name: String
  /// The digest of type, name and bytes.
  public let digest: ContentDigest
  /// The version on the wire: the digest as text.
  public let version: String
  /// The frames before the message, delta's first, then the message.
  private let bytes: SharedBytes
  private let deltaFrame: Range<Int>
  private let anyFrame: Range<Int>
  private let message: Range<Int>

  /// Frames a packed message.
  ///
  /// - Parameters:
  ///   - type: The kind of resource; its URL becomes the `Any`'s.
  ///   - name: The resource's name.
  ///   - packed: The message's wire bytes, which are copied.
  public init(type: ResourceType, name: String, packed: UnsafeRawBufferPointer) {
    self.type = type
    self.name = name
    let content = ContentDigest(of: packed)
    let label = ContentDigest(of: type.url + "\u{0}" + name)
    digest = ContentDigest(high: content.high ^ label.high, low: content.low ^ label.low)
    version = digest.description
    let frames = ResourceFrames(
      typeURL: type.url, name: name, version: version, messageLength: packed.count)
    deltaFrame = 0..<frames.delta.count
    anyFrame = frames.delta.count..<frames.delta.count + frames.any.count
    message = anyFrame.upperBound..<anyFrame.upperBound + packed.count
    let head = frames.delta + frames.any
    bytes = SharedBytes(capacity: message.upperBound) { target in
      target.copyBytes(from: head)
      UnsafeMutableRawBufferPointer(rebasing: target[head.count...]).copyMemory(from: packed)
      return target.count
    }
  }

  /// Packs and frames a message.
  public convenience init(type: ResourceType, name: String, message: some ProtobufMessage) {
    let packed = message.packed
    self.init(type: type, name: name, packed: packed)
  }

  private convenience init(type: ResourceType, name: String, packed: [UInt8]) {
    // An array lends its bytes only inside of a closure, which an initialiser cannot delegate from.
    let bytes = SharedBytes(packed)
    self.init(
      type: type, name: name,
      packed: UnsafeRawBufferPointer(start: bytes.baseAddress, count: bytes.count))
    withExtendedLifetime(bytes) {}
  }

  /// The packed message.
  public var packed: ByteSlice { slice(message) }

  /// The resource as one element of `DiscoveryResponse.resources` (field 2, an `Any`).
  public var sotwElement: [ByteSlice] { [slice(anyFrame.lowerBound..<message.upperBound)] }

  /// The resource as one element of `DeltaDiscoveryResponse.resources` (field 2, a `Resource`).
  public var deltaElement: [ByteSlice] { [slice(deltaFrame), sotwElement[0]] }

  /// The number of bytes of ``sotwElement``.
  public var sotwSize: Int { anyFrame.count + message.count }

  private func slice(_ range: Range<Int>) -> ByteSlice {
    ByteSlice(bytes, offset: range.lowerBound, count: range.count)
  }
}

extension EncodedResource: Equatable {
  /// Equal when type, name and bytes are.
  public static func == (one: EncodedResource, other: EncodedResource) -> Bool {
    one.digest == other.digest
  }
}

/// The bytes around a message in the two kinds of response.
///
/// `DiscoveryResponse.resources` and `Resource.resource` are both field 2, so that one framed
/// `Any` serves either.
private struct ResourceFrames {
  var any: [UInt8] = []
  var delta: [UInt8] = []

  init(typeURL: String, name: String, version: String, messageLength: Int) {
    var inner = WireWriter()
    inner.string(field: 1, typeURL)
    inner.header(field: 2, length: messageLength)
    var anyWriter = WireWriter()
    anyWriter.header(field: 2, length: inner.bytes.count + messageLength)
    any = anyWriter.bytes + inner.bytes

    var resource = WireWriter()
    resource.string(field: 1, version)
    resource.string(field: 3, name)
    var deltaWriter = WireWriter()
    deltaWriter.header(
      field: 2, length: resource.bytes.count + any.count + messageLength)
    delta = deltaWriter.bytes + resource.bytes
  }
}
