// SPDX-License-Identifier: Apache-2.0

/// How a call ended: a code and a sentence for the peer's operator.
public struct GRPCStatus: Error, Hashable, Sendable, CustomStringConvertible {
  /// gRPC's status codes, with their numbers on the wire.
  public enum Code: Int, Hashable, Sendable, CaseIterable {
    /// Success.
    case ok = 0
    /// Cancelled, as a rule by the caller.
    case cancelled
    /// An error without a better code.
    case unknown
    /// The request is wrong whatever the system's state.
    case invalidArgument
    /// The deadline passed before the call ended.
    case deadlineExceeded
    /// What was asked for does not exist.
    case notFound
    /// What was to be created exists already.
    case alreadyExists
    /// The caller is known, but may not do this.
    case permissionDenied
    /// A limit (a message's size, memory, a quota) was met.
    case resourceExhausted
    /// The system is not in the state that the operation needs.
    case failedPrecondition
    /// Aborted, as a rule by a conflict.
    case aborted
    /// Past the valid range.
    case outOfRange
    /// The server does not know the method.
    case unimplemented
    /// An invariant is broken.
    case `internal`
    /// The service cannot be reached now; try again.
    case unavailable
    /// Data is lost or corrupted.
    case dataLoss
    /// The caller is not known.
    case unauthenticated
  }

  /// The code.
  public var code: Code
  /// A sentence; empty for success as a rule.
  public var message: String

  /// A status of a code and a sentence.
  public init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  /// Success.
  public static let ok = GRPCStatus(.ok)

  /// Whether the code is ``Code/ok``.
  public var isOK: Bool { code == .ok }

  /// The code's name, and the message where there is one.
  public var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}

/// Why a server or a channel could not be set up: one sentence for the operator.
public struct GRPCSetupError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence.
  public let description: String

  /// An error of one sentence.
  public init(_ description: String) { self.description = description }
}
