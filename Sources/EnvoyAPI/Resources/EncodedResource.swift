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
  public convenience init(type: ResourceType, name: String, packed: UnsafeRawBufferPointer) {
    self.init(type: type, name: name, count: packed.count) { $0.copyMemory(from: packed) }
  }

  /// Packs a message straight into the bytes that responses share.
  ///
  /// - Parameters:
  ///   - type: The kind of resource, whose URL names the message's type.
  ///   - name: The resource's name.
  ///   - message: The message, which need not live on.
  public convenience init(type: ResourceType, name: String, message: some ProtobufMessage) {
    self.init(type: type, name: name, message: message.slot)
  }

  /// Packs a message that is known by its descriptor.
  public convenience init(type: ResourceType, name: String, message: MessageSlot) {
    self.init(type: type, name: name, count: message.packedSize) { target in
      if let base = target.baseAddress { message.pack(into: base) }
    }
  }

  /// Frames `count` bytes of a packed message that `write` writes.
  public init(
    type: ResourceType, name: String, count: Int,
    write: (UnsafeMutableRawBufferPointer) -> Void
  ) {
    self.type = type
    self.name = name
    let label = ContentDigest(of: type.url + "\u{0}" + name)
    let frames = ResourceFrames(typeURL: type.url, name: name, messageLength: count)
    deltaFrame = 0..<frames.deltaCount
    anyFrame = frames.deltaCount..<frames.bytes.count
    let message = frames.bytes.count..<frames.bytes.count + count
    var digest = label
    var version = ""
    bytes = SharedBytes(capacity: message.upperBound) { target in
      let content = UnsafeMutableRawBufferPointer(rebasing: target[message])
      write(content)
      digest = label.combined(with: ContentDigest(of: UnsafeRawBufferPointer(content)))
      version = digest.description
      target.copyBytes(from: frames.bytes)
      UnsafeMutableRawBufferPointer(rebasing: target[frames.version])
        .copyBytes(from: version.utf8)
      return target.count
    }
    self.message = message
    self.digest = digest
    self.version = version
  }

  /// The packed message.
  public var packed: ByteSlice { slice(message) }

  /// The resource as one element of `DiscoveryResponse.resources` (field 2, an `Any`).
  public var sotwElement: ByteSlice { slice(anyFrame.lowerBound..<message.upperBound) }

  /// The resource as one element of `DeltaDiscoveryResponse.resources` (field 2, a `Resource`).
  public var deltaElement: ByteSlice { slice(deltaFrame.lowerBound..<message.upperBound) }

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

extension ContentDigest {
  fileprivate func combined(with other: ContentDigest) -> ContentDigest {
    ContentDigest(high: high ^ other.high, low: low ^ other.low)
  }
}

/// The bytes around a message in the two kinds of response.
///
/// `DiscoveryResponse.resources` and `Resource.resource` are both field 2, so that one framed
/// `Any` serves either.
private struct ResourceFrames {
  /// The length of a digest as text.
  private static let versionCount = 32

  /// Delta's frame, with a blank for the version, then the `Any`'s.
  let bytes: [UInt8]
  /// The length of delta's frame.
  let deltaCount: Int
  /// Where the version belongs.
  let version: Range<Int>

  init(typeURL: String, name: String, messageLength: Int) {
    var inner = WireWriter()
    inner.string(field: 1, typeURL)
    inner.header(field: 2, length: messageLength)
    var any = WireWriter()
    any.header(field: 2, length: inner.bytes.count + messageLength)
    let anyBytes = any.bytes + inner.bytes

    var blank = WireWriter()
    blank.header(field: 1, length: Self.versionCount)
    let versionOffset = blank.bytes.count
    let label = blank.bytes + [UInt8](repeating: 0, count: Self.versionCount)
    var nameWriter = WireWriter()
    nameWriter.string(field: 3, name)
    let resource = label + nameWriter.bytes
    var delta = WireWriter()
    delta.header(field: 2, length: resource.count + anyBytes.count + messageLength)

    let start = delta.bytes.count + versionOffset
    version = start..<start + Self.versionCount
    deltaCount = delta.bytes.count + resource.count
    bytes = delta.bytes + resource + anyBytes
  }
}
