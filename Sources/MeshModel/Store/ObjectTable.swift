// SPDX-License-Identifier: Apache-2.0

import Bytes
import Configuration

/// What a store keeps of one object.
struct ObjectEntry: Sendable {
  /// The last valid version; nil where there never was one.
  var object: ConfigurationObject?
  /// The digest of what was last written, valid or not.
  var digest: ContentDigest
  /// Where that is written.
  var origin: ObjectOrigin
  /// How many valid versions there were; counts in this process only.
  var generation: UInt64
  /// What is to be said of what was last written.
  var diagnostics: [StoredDiagnostic]
}

/// All objects, by kind.
struct ObjectTable: Sendable {
  private var byKind: [ResourceKind: [ObjectKey: ObjectEntry]] = [:]

  subscript(key: ObjectKey) -> ObjectEntry? {
    get { byKind[key.kind]?[key] }
    set { byKind[key.kind, default: [:]][key] = newValue }
  }

  /// Every entry.
  var entries: some Sequence<(key: ObjectKey, value: ObjectEntry)> {
    byKind.values.lazy.flatMap { $0.lazy.map { ($0.key, $0.value) } }
  }

  /// How many objects of a kind are in use.
  func count(of kind: ResourceKind) -> Int {
    byKind[kind]?.values.count { $0.object != nil } ?? 0
  }

  /// The valid objects of a kind that count for a revision.
  func table<Spec: ConfigSpec>(
    revision: String, _ pick: (ConfigurationObject) -> ConfigObject<Spec>?
  ) -> ConfigTable<Spec> {
    let entries = byKind[Spec.kind] ?? [:]
    return ConfigTable(
      entries.values.compactMap { entry in
        entry.object.flatMap { $0.counts(for: revision) ? pick($0) : nil }
      })
  }
}

extension ConfigurationObject {
  /// Whether an object is for a revision: one of Istio's kinds may name another with `istio.io/rev`.
  func counts(for revision: String) -> Bool {
    guard key.kind.group.hasSuffix("istio.io"), let named = meta.labels["istio.io/rev"] else {
      return true
    }
    return named.isEmpty || named == revision
  }
}
