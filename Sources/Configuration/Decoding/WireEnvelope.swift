// SPDX-License-Identifier: Apache-2.0

/// What Kubernetes puts around an object in protobuf: four bytes, `k8s` and a zero, then a message
/// (`runtime.Unknown`) with the object's kind and its own message.
public struct WireEnvelope {
  /// The media type of such answers; a watch's has a parameter, and its frames are counted.
  public static let mediaType = "application/vnd.kubernetes.protobuf"

  /// The object's kind, such as `PodList`; empty where it is not told.
  public private(set) var kind = ""
  /// The object's message, as long as the envelope's bytes are lent.
  public private(set) var message = UnsafeRawBufferPointer(start: nil, count: 0)

  private static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

  /// Opens the envelope that `bytes` are.
  public init(_ bytes: UnsafeRawBufferPointer) throws(WireFormatError) {
    guard bytes.starts(with: Self.magic) else {
      throw WireFormatError("it does not begin as Kubernetes' protobuf does")
    }
    var reader = WireReader(UnsafeRawBufferPointer(rebasing: bytes[Self.magic.count...]))
    while let number = try reader.nextField() {
      switch number {
      case 1: try readKind(&reader)
      case 2: message = try reader.counted()
      case 3:
        guard try String.read(&reader).isEmpty else {
          throw WireFormatError("its content is encoded")
        }
      default: try reader.skip()
      }
    }
  }

  private mutating func readKind(_ reader: inout WireReader) throws(WireFormatError) {
    var type = WireReader(try reader.counted())
    while let number = try type.nextField() {
      if number == 2 { try type.one(&kind) } else { try type.skip() }
    }
  }

  /// The metadata of an object of any kind, whose message `bytes` are: its first field.
  public static func metadata(
    of bytes: UnsafeRawBufferPointer
  ) throws(WireFormatError) -> Kubernetes.ObjectMeta {
    var reader = WireReader(bytes)
    while let number = try reader.nextField() {
      if number == 1 { return try Kubernetes.ObjectMeta.read(&reader) }
      try reader.skip()
    }
    return Kubernetes.ObjectMeta()
  }
}
