// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Reads protobuf's JSON into messages; keeps the path of the value at hand for its errors.
public struct ProtoDecoder {
  /// What happens to a field that the API does not know.
  public enum UnknownFields: Hashable, Sendable {
    /// It is an error.
    case areErrors
    /// It is left out, and its path kept in ``ProtoDecoder/ignored``.
    case areIgnored
  }

  /// A step down; kept apart from paths, so that reading a valid value allocates none.
  private enum Step {
    case key(String)
    case index(Int)
  }

  /// The fields that were left out.
  public private(set) var ignored: [FieldPath] = []
  private let root: FieldPath
  private var steps: [Step] = []
  private let unknownFields: UnknownFields
  /// The oneofs of the message at hand that already have a value, a bit each.
  private var claimed: UInt64 = 0

  /// A decoder of a value that stands at `path`.
  public init(at path: FieldPath, unknownFields: UnknownFields = .areErrors) {
    root = path
    self.unknownFields = unknownFields
  }

  /// Where the value at hand stands.
  public var path: FieldPath {
    steps.reduce(root) { path, step in
      switch step {
      case .key(let key): path.appending(key: key)
      case .index(let index): path.appending(index: index)
      }
    }
  }

  /// An error at the value at hand.
  public func error(_ problem: String) -> ConfigError { ConfigError(at: path, problem) }

  /// The error that `expected` was wanted where `found` stands.
  public func mismatch(_ expected: String, _ found: JSONValue) -> ConfigError {
    error("expected \(expected), found \(Self.describe(found))")
  }

  /// Sets the fields of `message` that `json` has; each replaces what was there.
  public mutating func overlay<M: ProtoMessage>(
    _ json: JSONValue, on message: inout M
  ) throws(ConfigError) {
    if case .null = json { return }
    guard case .object(let object) = json else { throw mismatch("an object", json) }
    let outer = claimed
    claimed = 0
    for member in object.members {
      steps.append(.key(member.key))
      try checkTwin(of: member.key, in: object)
      if try !message.decodeField(member.key, member.value, &self) {
        guard unknownFields == .areIgnored else { throw error("unknown field") }
        ignored.append(path)
      }
      steps.removeLast()
    }
    claimed = outer
  }

  /// Reads a field that is always there.
  public mutating func one<T: ProtoValue>(
    _ json: JSONValue, _ field: inout T
  ) throws(ConfigError) {
    if case .null = json { return }
    field = try T.decode(json, &self)
  }

  /// Reads a field that may be absent.
  public mutating func optional<T: ProtoValue>(
    _ json: JSONValue, _ field: inout T?
  ) throws(ConfigError) {
    if case .null = json { return }
    field = try T.decode(json, &self)
  }

  /// Reads a field of any JSON, where `null` is a value.
  public mutating func value(_ json: JSONValue, _ field: inout JSONValue?) { field = json }

  /// Reads a field of any JSON object.
  public mutating func structure(
    _ json: JSONValue, _ field: inout JSONValue?
  ) throws(ConfigError) {
    switch json {
    case .null: return
    case .object: field = json
    default: throw mismatch("an object", json)
    }
  }

  /// Reads a list; a `null` element counts as an empty one.
  public mutating func list<T: ProtoValue>(
    _ json: JSONValue, _ field: inout [T]
  ) throws(ConfigError) {
    if case .null = json { return }
    guard case .array(let elements) = json else { throw mismatch("a list", json) }
    var values: [T] = []
    values.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      steps.append(.index(index))
      values.append(element == .null ? T.protoDefault : try T.decode(element, &self))
      steps.removeLast()
    }
    field = values
  }

  /// Reads a map; a `null` value counts as an empty one.
  public mutating func map<K: ProtoMapKey, T: ProtoValue>(
    _ json: JSONValue, _ field: inout [K: T]
  ) throws(ConfigError) {
    if case .null = json { return }
    guard case .object(let object) = json else { throw mismatch("an object", json) }
    var values: [K: T] = [:]
    for member in object.members {
      steps.append(.key(member.key))
      guard let key = K(member.key) else { throw error("expected a whole number as the key") }
      values[key] = member.value == .null ? T.protoDefault : try T.decode(member.value, &self)
      steps.removeLast()
    }
    field = values
  }

  /// What `read` makes of the member `key` of the object at hand, `null` where there is none.
  mutating func member<T>(
    _ key: String, of object: JSONObject,
    _ read: (JSONValue, inout ProtoDecoder) throws(ConfigError) -> T
  ) throws(ConfigError) -> T {
    steps.append(.key(key))
    let value = try read(object[key] ?? .null, &self)
    steps.removeLast()
    return value
  }

  /// Reads one alternative of the oneof numbered `group`; nil for `null`.
  public mutating func alternative<T: ProtoValue>(
    _ json: JSONValue, _ group: UInt64
  ) throws(ConfigError) -> T? {
    if case .null = json { return nil }
    guard claimed & (1 << group) == 0 else {
      throw error("only one of the alternatives may be given")
    }
    claimed |= 1 << group
    return try T.decode(json, &self)
  }

  /// Refuses a field that is given under both its names.
  private func checkTwin(of key: String, in object: JSONObject) throws(ConfigError) {
    guard key.utf8.contains(UInt8(ascii: "_")) else { return }
    let twin = Self.camelCase(key)
    if twin != key, object[twin] != nil { throw error("given twice, also as \(twin)") }
  }

  private static func camelCase(_ name: String) -> String {
    var result = ""
    var raise = false
    for character in name {
      if character == "_" {
        raise = true
      } else {
        result += raise ? character.uppercased() : String(character)
        raise = false
      }
    }
    return result
  }

  private static func describe(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): String(value)
    case .integer(let value): String(value)
    case .double(let value): String(value)
    case .string(let value): "\"\(value)\""
    case .array: "a list"
    case .object: "an object"
    }
  }
}
