// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

/// What one proxy should have: an immutable value that the stream machines compare with what was
/// sent.
///
/// All functions are pure and synchronous; the implementer remembers their results. The three
/// about relations are functions of the resource's bytes alone, so that they also hold for a
/// resource of an earlier view.
public protocol ResourceView: Sendable {
  /// All resources of a type that a wildcard subscription covers, sorted by name, no name twice.
  ///
  /// Equal results should share their storage: the machines take a short cut by identity.
  func all(_ type: ResourceType) -> [EncodedResource]

  /// The resource of a name, or nil if this proxy has none of it.
  func named(_ type: ResourceType, _ name: String) -> EncodedResource?

  /// What a subscription covers of a type: `names`, and everything where it is a wildcard.
  ///
  /// The list of two proxies, or of two views of a proxy, for which it is equal should be one object:
  /// the machines take a short cut by identity, and streams share its memory.
  func list(_ type: ResourceType, wildcard: Bool, names: ResourceNames) -> ResourceList

  /// Whether this view has of a type just what an earlier view of the same proxy has, as far as that
  /// is known without making the resources; false where they must be compared.
  func hasSame(_ type: ResourceType, as earlier: any ResourceView) -> Bool

  /// The names of the clusters that a listener, route or the like sends traffic to.
  func clusters(referencedBy resource: EncodedResource) -> Set<String>

  /// What a client waits for after this resource was added or changed ("warming"): of a cluster
  /// its endpoints, of a listener its route configurations.
  func followers(of resource: EncodedResource) -> [ResourceKey]
}

extension ResourceView {
  /// A list of its own.
  public func list(
    _ type: ResourceType, wildcard: Bool, names: ResourceNames
  ) -> ResourceList {
    ResourceList(elements(type, wildcard: wildcard, names: names))
  }

  /// The elements of such a list, gathered one by one.
  public func elements(
    _ type: ResourceType, wildcard: Bool, names: ResourceNames
  ) -> [EncodedResource] {
    guard wildcard else { return names.sorted.compactMap { named(type, $0) } }
    let all = all(type)
    if names.sorted.isEmpty { return all }
    return SortedResources.merged(names.sorted.compactMap { named(type, $0) }, all)
  }

  /// Nothing is known: the resources are compared.
  public func hasSame(_ type: ResourceType, as earlier: any ResourceView) -> Bool { false }
}

/// A resource's identity: its type and its name.
public struct ResourceKey: Hashable, Sendable {
  /// The kind of resource.
  public let type: ResourceType
  /// The name within the type.
  public let name: String

  /// The key of a name within a type.
  public init(_ type: ResourceType, _ name: String) {
    self.type = type
    self.name = name
  }
}

extension ResourceType {
  /// The types whose resources name clusters; they wait for new clusters and keep old ones.
  static let clusterReferrers: [ResourceType] = [.listener, .route, .virtualHost, .extensionConfig]

  /// Whether a client that names nothing means everything of this type.
  ///
  /// The xDS protocol says so of listeners and clusters; Istio's clients rely on it for its own
  /// types too. The types listed here are only ever wanted by name, or by an explicit `*`.
  var emptyMeansAll: Bool {
    switch self {
    case .endpoint, .route, .virtualHost, .secret, .extensionConfig: false
    default: true
    }
  }
}
