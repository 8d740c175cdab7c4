// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// What a transaction changed of what is served.
public struct StoreChange: Hashable, Sendable {
  /// What became of an object.
  public enum Event: String, Hashable, Sendable {
    /// It is new.
    case add
    /// It says something else.
    case update
    /// It is gone.
    case delete
  }

  /// The objects whose content differs, that are new, or that are gone.
  public var keys: [ObjectKey] = []
  /// What became of each of ``keys``.
  public var events: [Event] = []
  /// Whether anything besides the endpoints of ``endpoints`` may differ.
  public var configuration = false
  /// The services whose endpoints may differ.
  public var endpoints: Set<ServiceKey> = []
  /// Whether some of these lost an endpoint.
  public var removesEndpoints = false
  /// The addresses of workloads of which a ServiceEntry says something else: for the proxies there
  /// anything may differ.
  public var workloads: Set<String> = []
  /// Whether a first snapshot, or other settings of the mesh, make everything new.
  public var isEverything = false

  /// No change.
  public init() {}

  /// Whether nothing that is served differs.
  public var isEmpty: Bool {
    !configuration && endpoints.isEmpty && workloads.isEmpty && !isEverything
  }

  /// How log lines name the change (istiod's `kind/namespace/name and N more configs`).
  public var summary: String {
    guard let first = keys.first else { return isEverything ? "the mesh" : "nothing" }
    let name = "\(first.kind.kind)/\(first.namespace)/\(first.name)"
    return keys.count == 1 ? name : "\(name) and \(keys.count - 1) more configs"
  }
}
