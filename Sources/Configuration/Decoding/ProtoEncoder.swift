// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Gathers the fields of one message as protobuf's JSON.
public struct ProtoEncoder {
  private var members: [JSONObject.Member] = []

  /// An encoder without fields.
  public init() {}

  /// The fields so far.
  public var object: JSONObject { JSONObject(distinct: members) }

  /// Writes a field, unless it has its default.
  public mutating func one<T: ProtoValue>(_ name: String, _ value: T) {
    if value != T.protoDefault { members.append(.init(name, value.json)) }
  }

  /// Writes a field, if it is there.
  public mutating func optional<T: ProtoValue>(_ name: String, _ value: T?) {
    if let value { members.append(.init(name, value.json)) }
  }

  /// Writes a list, unless it is empty.
  public mutating func list<T: ProtoValue>(_ name: String, _ values: [T]) {
    if !values.isEmpty { members.append(.init(name, .array(values.map(\.json)))) }
  }

  /// Writes a map sorted by key, unless it is empty.
  public mutating func map<K: ProtoMapKey, T: ProtoValue>(_ name: String, _ values: [K: T]) {
    guard !values.isEmpty else { return }
    let sorted = values.sorted { $0.key < $1.key }.map {
      JSONObject.Member($0.key.description, $0.value.json)
    }
    members.append(.init(name, .object(JSONObject(distinct: sorted))))
  }
}
