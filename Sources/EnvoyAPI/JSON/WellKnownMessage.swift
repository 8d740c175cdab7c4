// SPDX-License-Identifier: Apache-2.0

/// The messages of google.protobuf that JSON writes otherwise than as an object of their fields.
///
/// `Empty` is none of them: it is an object without members (also in an `Any`, where C++ and
/// Python leave out `value`). `FieldMask` is not used by Envoy's API.
enum WellKnownMessage: String, CaseIterable {
  case any = "Any"
  case duration = "Duration"
  case timestamp = "Timestamp"
  case object = "Struct"
  case value = "Value"
  case list = "ListValue"
  case boolValue = "BoolValue"
  case bytesValue = "BytesValue"
  case doubleValue = "DoubleValue"
  case floatValue = "FloatValue"
  case int32Value = "Int32Value"
  case int64Value = "Int64Value"
  case stringValue = "StringValue"
  case uint32Value = "UInt32Value"
  case uint64Value = "UInt64Value"

  /// By the descriptor's address, of which there is one in the process.
  private static let known: [UInt: WellKnownMessage] = {
    var known: [UInt: WellKnownMessage] = [:]
    for message in allCases {
      guard let type = MessageType(named: "google.protobuf." + message.rawValue) else { continue }
      known[UInt(bitPattern: type.descriptor)] = message
    }
    return known
  }()

  /// The well-known message that a descriptor is of, if it is of one.
  init?(_ descriptor: MessageDescriptor) {
    guard let known = WellKnownMessage.known[UInt(bitPattern: descriptor)] else { return nil }
    self = known
  }
}
