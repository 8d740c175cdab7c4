// SPDX-License-Identifier: Apache-2.0

import Configuration

/// What a store keeps of one object.
struct ObjectEntry: Sendable {
  /// The last valid version; nil where there never was one.
  var object: ConfigurationObject?
  /// Where that is written.
  var origin: ObjectOrigin
  /// How many valid versions there were; counts in this process only.
  var generation: UInt64
  /// The generation of the first snapshot that could serve the last valid version.
  var snapshot: UInt64
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

  /// The entries of a kind.
  func entries(of kind: ResourceKind) -> some Collection<ObjectEntry> {
    (byKind[kind] ?? [:]).values
  }
}

/// The objects that a control plane heeds: those of its revision, in the namespaces that
/// `discoverySelectors` choose.
struct SelectedObjects {
  /// All objects.
  let objects: ObjectTable
  /// Which of them count.
  let selection: ObjectSelection

  /// The valid objects of a kind that count.
  func table<Spec: ConfigSpec>(
    _ pick: (ConfigurationObject) -> ConfigObject<Spec>?
  ) -> ConfigTable<Spec> {
    ConfigTable(
      objects.entries(of: Spec.kind).compactMap { entry in
        entry.object.flatMap { selection.contains($0) ? pick($0) : nil }
      })
  }
}

/// Which objects a control plane heeds.
struct ObjectSelection: Hashable, Sendable {
  /// The revision that it serves.
  var revision: String
  /// The namespaces that it looks at.
  var namespaces = NamespaceSelection()

  /// Whether an object counts.
  func contains(_ object: ConfigurationObject) -> Bool {
    namespaces.contains(object.meta.namespace) && object.counts(for: revision)
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
