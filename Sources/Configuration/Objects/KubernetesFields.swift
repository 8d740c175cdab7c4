// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of Kubernetes' own objects, and of the metadata of all objects.
///
/// Most have no effect here; they are known so that a misspelt one is told from them. The table is
/// `proto/kubernetes/fields.txt`.
struct KubernetesFields: Sendable {
  /// The fields of a type: the type of the objects that a field holds, or nil where anything goes.
  private typealias Fields = [Substring: Substring?]

  /// The table of the API that we know.
  static let standard = KubernetesFields(reading: text)

  private var types: [Substring: Fields] = [:]
  /// The type of a kind, by `apiVersion kind`.
  private var kinds: [String: Substring] = [:]

  /// A table: a line a type with its fields, and `kind VERSION KIND TYPE`.
  init(reading text: String) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 4, words[0] == "kind" {
        kinds["\(words[1]) \(words[2])"] = words[3]
      } else if let name = words.first {
        types[name] = words.dropFirst().reduce(into: [:]) { fields, word in
          let parts = word.split(separator: ":", maxSplits: 1)
          fields[parts[0]] = .some(parts.count == 2 ? parts[1] : nil)
        }
      }
    }
  }

  /// The fields of `object` that there are not, in its order.
  ///
  /// Of a kind that is not Kubernetes' own, its metadata and its outermost members are looked at.
  func unknown(in object: JSONObject) -> [FieldPath] {
    var found: [FieldPath] = []
    let kind = "\(object["apiVersion"]?.string ?? "") \(object["kind"]?.string ?? "")"
    if let type = kinds[kind] {
      look(at: .object(object), as: type, FieldPath(), &found)
      return found
    }
    for member in object.members {
      let path = FieldPath([.key(member.key)])
      switch member.key {
      case "metadata": look(at: member.value, as: "meta.ObjectMeta", path, &found)
      case "apiVersion", "kind", "spec", "status": break
      default: found.append(path)
      }
    }
    return found
  }

  private func look(
    at value: JSONValue, as type: Substring, _ path: FieldPath, _ found: inout [FieldPath]
  ) {
    switch value {
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        look(at: element, as: type, path.appending(index: index), &found)
      }
    case .object(let object):
      guard let fields = types[type] else { return }
      for member in object.members {
        guard let inner = fields[member.key[...]] else {
          found.append(path.appending(key: member.key))
          continue
        }
        if let inner { look(at: member.value, as: inner, path.appending(key: member.key), &found) }
      }
    default: break
    }
  }
}
