// SPDX-License-Identifier: Apache-2.0

import JSON

/// Gathers the members of an object in their order; empty texts are left out, as istiod does.
struct JSONFields {
  private var members: [JSONObject.Member] = []

  /// The object so far.
  var value: JSONValue { .object(JSONObject(distinct: members)) }

  /// Adds a member.
  mutating func add(_ key: String, _ value: JSONValue) {
    members.append(JSONObject.Member(key, value))
  }

  /// Adds a text, unless it is empty.
  mutating func add(_ key: String, _ text: String) {
    if !text.isEmpty { add(key, .string(text)) }
  }

  /// Adds a number.
  mutating func add(_ key: String, _ number: Int) { add(key, .integer(Int64(number))) }

  /// Adds texts by key, unless there are none.
  mutating func add(_ key: String, _ texts: [String: String]) {
    if !texts.isEmpty { add(key, .sorted(texts.mapValues { .string($0) })) }
  }

  /// Adds a list, unless it is empty.
  mutating func add(_ key: String, list: [JSONValue]) {
    if !list.isEmpty { add(key, .array(list)) }
  }
}

extension JSONValue {
  /// An object of members by key, in the order of the keys.
  static func sorted(_ members: [String: JSONValue]) -> JSONValue {
    let sorted = members.sorted { $0.key < $1.key }
    return .object(JSONObject(distinct: sorted.map { JSONObject.Member($0.key, $0.value) }))
  }

  /// A list of texts.
  static func texts(_ texts: some Sequence<String>) -> JSONValue {
    .array(texts.map { .string($0) })
  }
}
