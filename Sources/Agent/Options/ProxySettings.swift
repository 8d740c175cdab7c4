// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON
import StateDirectory
import YAML

/// The proxy's configuration (`ProxyConfig` of Istio's mesh settings), from all the places where the
/// injector and people write it: the mesh's file, `PROXY_CONFIG`, the Pod's annotation, each over the
/// one before.
struct ProxySettings: Sendable {
  /// The configuration as it counts.
  let object: JSONObject

  /// The configuration of texts in YAML or JSON, each with the name that an error shall say; the fields
  /// of a later text replace those of an earlier one, of `proxyMetadata` and `runtimeValues` the entries.
  init(_ texts: [(name: String, text: String)]) throws(FlagError) {
    var members: [String: JSONValue] = [:]
    for (name, text) in texts {
      let stream = YAML.documents(in: text)
      guard stream.errors.isEmpty, let object = stream.documents.first?.value.object else {
        throw FlagError("\(name) is no YAML object.")
      }
      for member in object.members {
        let before = members[member.key]
        members[member.key] = ProxySettings.joined(before, member.value)
      }
    }
    object = JSONObject(
      distinct: members.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) })
  }

  private static func joined(_ before: JSONValue?, _ after: JSONValue) -> JSONValue {
    guard let old = before?.object, let new = after.object else { return after }
    let kept = old.members.filter { new[$0.key] == nil }
    return .object(JSONObject(distinct: kept + new.members))
  }

  /// The `defaultConfig` of a file of mesh settings; nil where there is no such file or field.
  static func ofMesh(file: String) throws(FlagError) -> String? {
    guard let bytes = try? FileBytes.read(file) else { return nil }
    let stream = YAML.documents(in: String(decoding: bytes, as: UTF8.self))
    guard stream.errors.isEmpty, let first = stream.documents.first else {
      throw FlagError("\(file) is no YAML object.")
    }
    return first.value["defaultConfig"]?.text()
  }

  /// A text; nil where it is empty or not there.
  func text(_ name: String) -> String? {
    object[name]?.string.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A number.
  func number(_ name: String) -> Int? { object[name]?.integer.map(Int.init) }

  /// A duration.
  func duration(_ name: String) throws(FlagError) -> Duration? {
    guard let text = text(name) else { return nil }
    guard let duration = GoDuration.parse(text) else {
      throw FlagError("\(name) of the proxy's configuration is no duration.")
    }
    return duration
  }

  /// A port; the default where there is none.
  func port(_ name: String, _ standard: Int) throws(FlagError) -> Int {
    guard let value = object[name], value != .null else { return standard }
    return try ProxySettings.port(value.integer.map { "\($0)" } ?? value.string ?? "", name)
  }

  /// The port of a text.
  static func port(_ text: String, _ name: String) throws(FlagError) -> Int {
    guard let number = Int(text), (1...65_535).contains(number) else {
      throw FlagError("\(name) is no port.")
    }
    return number
  }

  /// The entries of a map of texts, such as `proxyMetadata`.
  func entries(_ name: String) -> [(key: String, value: String)] {
    (object[name]?.object?.members ?? []).compactMap { member in
      member.value.string.map { (member.key, $0) }
    }
  }
}
