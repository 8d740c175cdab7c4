// SPDX-License-Identifier: Apache-2.0

/// The headers of a call: keys in lower case, each with one or more values, in order.
///
/// Values of keys that end in `-bin` are bytes; all others are visible ASCII (gRPC over HTTP/2).
public struct GRPCMetadata: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  /// One header.
  public struct Entry: Hashable, Sendable {
    /// The key, in lower case.
    public let key: String
    /// The value's bytes, after the decoding of base64 for `-bin` keys.
    public let value: [UInt8]

    /// The value as text.
    public var text: String { String(decoding: value, as: UTF8.self) }
  }

  /// All headers, in the order received or added.
  public private(set) var entries: [Entry] = []

  /// No headers.
  public init() {}

  /// Headers of text.
  public init(dictionaryLiteral elements: (String, String)...) {
    for (key, value) in elements { add(key, value) }
  }

  /// Adds a header of text.
  public mutating func add(_ key: String, _ value: String) { add(key, bytes: Array(value.utf8)) }

  /// Adds a header of bytes.
  public mutating func add(_ key: String, bytes: [UInt8]) {
    entries.append(Entry(key: key.lowercased(), value: bytes))
  }

  /// The first value of a key (in any case) as text.
  public subscript(key: String) -> String? { values(key).first?.text }

  /// All headers of a key (in any case), in order.
  public func values(_ key: String) -> [Entry] {
    let wanted = key.lowercased()
    return entries.filter { $0.key == wanted }
  }
}
