// SPDX-License-Identifier: Apache-2.0

import JSON

/// Takes private keys and other secrets out of what pages show.
///
/// By place: the fields of Envoy's API that hold secrets, whatever they hold. By content: any text
/// that holds a private key in PEM, also in base64, wherever it stands.
enum Redaction {
  /// What stands in the place of a secret.
  static let mark = "[redacted]"

  /// A value without its secrets.
  static func redacted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): .string(redacted(text))
    case .array(let elements): .array(elements.map(redacted))
    case .object(let object):
      .object(
        JSONObject(
          distinct: object.members.map { member in
            let isSecret = secretFields.contains(member.key)
            return JSONObject.Member(
              redacted(member.key), isSecret ? emptied(member.value) : redacted(member.value))
          }))
    case .null, .bool, .integer, .double: value
    }
  }

  /// A text, or the mark if it holds a private key.
  static func redacted(_ text: String) -> String {
    guard text.utf8.count >= words.count else { return text }
    var text = text
    let found = text.withUTF8 { bytes in
      bytes.indices.lazy.compactMap { wordsFound(in: bytes, at: $0) }.first
    }
    return switch found {
    case .plain: mark
    case .encoded: encodedMark
    case nil: text
    }
  }

  /// Whether a text holds a private key's PEM header, plain or anywhere in base64.
  static func holdsKey(_ text: String) -> Bool { redacted(text) != text }

  /// The fields of messages and of objects that hold secrets: TLS keys, their passwords, ticket
  /// keys, generic secrets, the pull secret that Istio gives Wasm.
  private static let secretFields: Set = [
    "private_key", "privateKey", "password",
    "session_ticket_keys", "sessionTicketKeys", "generic_secret", "genericSecret",
    "ISTIO_META_WASM_IMAGE_PULL_SECRET",
  ]

  /// The mark in base64, so that what was protobuf's JSON stays so.
  static let encodedMark = "W3JlZGFjdGVkXQ=="
  /// The words of the header of every kind of private key.
  private static let words = Array("PRIVATE KEY".utf8)
  /// What the words are in base64 at each of the three offsets.
  private static let encodedWords = ["UFJJVkFURSBLRV", "BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW"]
    .map { Array($0.utf8) }

  private enum Form { case plain, encoded }

  /// Whether the words begin at a place, and how; most places are left after one look.
  private static func wordsFound(in text: UnsafeBufferPointer<UInt8>, at start: Int) -> Form? {
    switch text[start] {
    case UInt8(ascii: "P"): text[start...].starts(with: words) ? .plain : nil
    case UInt8(ascii: "U"), UInt8(ascii: "B"), UInt8(ascii: "Q"):
      encodedWords.contains(where: text[start...].starts) ? .encoded : nil
    default: nil
    }
  }

  /// A secret field's value: where it comes from may be seen, what it is may not.
  private static func emptied(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object):
      .object(
        JSONObject(
          distinct: object.members.map { member in
            let isPlace = places.contains(member.key)
            if bytes.contains(member.key) {
              return JSONObject.Member(member.key, .string(encodedMark))
            }
            return JSONObject.Member(
              member.key, isPlace ? redacted(member.value) : emptied(member.value))
          }))
    case .array(let elements): .array(elements.map(emptied))
    case .null: .null
    case .string, .bool, .integer, .double: .string(mark)
    }
  }

  /// The fields of a secret that say where it is kept (Envoy's `DataSource`) or who handles it.
  private static let places: Set = [
    "filename", "environment_variable", "environmentVariable", "watched_directory",
    "watchedDirectory",
  ]
  /// The field of a secret that is bytes.
  private static let bytes: Set = ["inline_bytes", "inlineBytes"]
}
