// SPDX-License-Identifier: Apache-2.0

/// A part of the process that runs until it is asked to stop.
public protocol Service: Sendable {
  /// Prepares, for example by binding a port; the next service starts when this returns.
  func start() async throws

  /// Runs until `shutdown` is requested, finishes what is under way, and returns.
  ///
  /// Returning or throwing before that ends the group.
  func run(until shutdown: ShutdownSignal) async throws
}

extension Service {
  /// Nothing to prepare.
  public func start() async throws {}
}

/// A service made of a closure.
public struct ClosureService: Service {
  private let body: @Sendable (ShutdownSignal) async throws -> Void

  /// A service whose `run(until:)` is `body`.
  public init(_ body: @escaping @Sendable (ShutdownSignal) async throws -> Void) {
    self.body = body
  }

  /// Runs the closure.
  public func run(until shutdown: ShutdownSignal) async throws { try await body(shutdown) }
}
