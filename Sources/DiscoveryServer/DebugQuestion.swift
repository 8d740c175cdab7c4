// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

/// A question of an operator's tool over ADS, as istioctl asks it: the types `istio.io/debug` and
/// those below it.
///
/// It is answered once and followed by nothing; its stream is told of it and of what is pushed alike.
public struct DebugQuestion: Hashable, Sendable {
  /// What such types begin with.
  public static let prefix = "istio.io/debug"

  /// The type that is asked for.
  public var type: ResourceType
  /// The names that are asked for: of `istio.io/debug` a page below `/debug/`, perhaps with a query.
  public var names: [String]
  /// The namespace that the caller has proved to be of; nil where nobody was asked for a proof.
  public var namespace: String?

  /// A question.
  public init(type: ResourceType, names: [String], namespace: String?) {
    self.type = type
    self.names = names
    self.namespace = namespace
  }
}

/// Why a ``DebugQuestion`` is not answered; it ends the stream, as in istiod.
public struct DebugRefusal: Error, Hashable, Sendable {
  /// What is wrong.
  public enum Kind: Hashable, Sendable {
    /// The caller has not proved who it is.
    case unauthenticated
    /// The caller may not know.
    case denied
    /// The question makes no sense.
    case invalid
  }

  /// What is wrong.
  public var kind: Kind
  /// One sentence.
  public var message: String

  /// A refusal.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}
