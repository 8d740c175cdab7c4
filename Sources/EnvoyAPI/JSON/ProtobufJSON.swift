// SPDX-License-Identifier: Apache-2.0

import Bytes
public import JSON

/// How messages are written as JSON.
public struct ProtobufJSONOptions: Hashable, Sendable {
  /// How the names of fields are spelt.
  public enum FieldNames: Hashable, Sendable {
    /// As in the .proto file, `connect_timeout`, as Envoy's config dump has them.
    case proto
    /// In lowerCamelCase, `connectTimeout`, protobuf's default.
    case camelCase
  }

  /// How the names of fields are spelt.
  public var fieldNames: FieldNames

  /// Options.
  public init(fieldNames: FieldNames = .proto) { self.fieldNames = fieldNames }

  /// Field names as in the .proto file.
  public static let standard = ProtobufJSONOptions()
}

/// Messages as JSON, by the rules of proto3's JSON mapping (protobuf.dev, "ProtoJSON Format").
///
/// What differs from the rules is said here: an `Any` of a type that this build does not know, or
/// whose bytes are not sound, is written as `@type` and its bytes in base64 as `value`, and is read
/// from that. A double is always written with a point or an exponent.
public enum ProtobufJSON {
  /// The most levels of messages, of `Any` in `Any` too, that are read or written.
  static let levels = 100

  /// The JSON of a message's wire bytes.
  ///
  /// - Throws: ``WireError`` for bytes that are not such a message or break ``WireLimits``.
  public static func json(
    type: MessageType, packed bytes: UnsafeRawBufferPointer, limits: WireLimits = .standard,
    options: ProtobufJSONOptions = .standard
  ) throws(WireError) -> JSONValue {
    try Arena.scope { (arena) throws(WireError) -> JSONValue in
      try arena.unpack(type, bytes, limits: limits).json(options)
    }
  }
}

extension MessageSlot {
  /// The message as JSON; fields that the descriptor does not have are left out.
  public func json(_ options: ProtobufJSONOptions = .standard) -> JSONValue {
    ProtobufJSONPrinter(options: options).value(self, levels: ProtobufJSON.levels)
  }
}

extension ProtobufMessage {
  /// The message as JSON with the names of the .proto file.
  public var json: JSONValue { slot.json() }
}

extension EncodedResource {
  /// The resource as JSON, with its type's URL as `@type` first.
  public func json(_ options: ProtobufJSONOptions = .standard) -> JSONValue {
    packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        ProtobufJSONPrinter(options: options)
          .any(type.url, bytes, in: arena, levels: ProtobufJSON.levels)
      }
    }
  }
}
