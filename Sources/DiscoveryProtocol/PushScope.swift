// SPDX-License-Identifier: Apache-2.0

/// What a change may have touched: everything, or the endpoints of some clusters.
public struct PushScope: Hashable, Sendable {
  /// Whether anything besides the endpoints named may have changed.
  public var configuration: Bool
  /// The names of the endpoint resources (EDS) that may have changed.
  public var endpoints: Set<String>
  /// Whether some of these lost endpoints: such a push is never delayed.
  public var removesEndpoints: Bool
  /// The addresses of workloads for whose own proxies anything may have changed.
  public var workloads: Set<String>
  /// Whether endpoints overtake configuration: the view has some that a later push tells of.
  public var isAhead = false

  /// A scope of these parts.
  public init(
    configuration: Bool, endpoints: Set<String> = [], removesEndpoints: Bool = false,
    workloads: Set<String> = []
  ) {
    self.workloads = workloads
    self.configuration = configuration
    self.endpoints = endpoints
    self.removesEndpoints = removesEndpoints
  }

  /// Everything may have changed.
  public static let everything = PushScope(configuration: true)

  /// Only the endpoints of these names may have changed.
  public static func endpoints(_ names: Set<String>, removed: Bool = false) -> PushScope {
    PushScope(configuration: false, endpoints: names, removesEndpoints: removed)
  }

  /// Whether nothing changed.
  public var isEmpty: Bool { !configuration && endpoints.isEmpty && workloads.isEmpty }

  /// What of it is not configuration for all, ahead of that where it may have changed too.
  public var ofEndpoints: PushScope {
    var scope = self
    scope.configuration = false
    scope.isAhead = configuration || isAhead
    return scope
  }

  /// The scope as a proxy with these addresses has it.
  public func seen(from addresses: [String]) -> PushScope {
    guard !workloads.isEmpty, addresses.contains(where: workloads.contains) else { return self }
    var scope = self
    scope.configuration = true
    return scope
  }

  /// Both scopes in one.
  public func merged(with other: PushScope) -> PushScope {
    var both = PushScope(
      configuration: configuration || other.configuration,
      endpoints: endpoints.union(other.endpoints),
      removesEndpoints: removesEndpoints || other.removesEndpoints,
      workloads: workloads.union(other.workloads))
    both.isAhead = !both.configuration && (isAhead || other.isAhead)
    return both
  }
}
