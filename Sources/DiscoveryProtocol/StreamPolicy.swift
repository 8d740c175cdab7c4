// SPDX-License-Identifier: Apache-2.0

/// The times that a stream waits for its client; each wait is bounded.
public struct StreamPolicy: Hashable, Sendable {
  /// How long listeners and routes wait for the acknowledgement of clusters that are new to them.
  public var warmingWait: Duration = .seconds(2)
  /// How long one unacknowledged response holds back the next of its type.
  public var flowWait: Duration = .seconds(1)
  /// How long a cluster stays after the last resource that used it was acknowledged away.
  public var drain: Duration = .seconds(10)
  /// How long a removed cluster stays at most for a client that never acknowledges.
  ///
  /// A client that has *rejected* a listener or route keeps the cluster without a limit, since
  /// the rejected resource's last good version still uses it.
  public var removalLimit: Duration = .seconds(60)
  /// At how many unacknowledged responses of one type the operator is told of the client.
  public var silenceNotice = 8
  /// How many unacknowledged responses of one type are remembered; older ones are merged.
  public var maxOutstanding = 64

  /// The default times.
  public init() {}
}

/// What one stream may ask for; a client that exceeds it is closed.
public struct StreamLimits: Hashable, Sendable {
  /// The most names subscribed to at a time, over all types.
  public var maxNames = 100_000
  /// The longest name in bytes.
  public var maxNameLength = 4096
  /// The most types on a stream.
  public var maxTypes = 64
  /// The largest node in bytes.
  public var maxNodeSize = 1 << 20
  /// How many requests a second a client may send that answer nothing, in the long run.
  public var requestRate = 200.0
  /// How many such requests it may send at once.
  public var requestBurst = 2000.0
  /// As how many of such requests a question of an operator's tool counts: its answer may be a
  /// proxy's whole configuration.
  public var questionCost = 20.0
  /// How many bytes of a rejection's message are kept.
  public var maxErrorLength = 4096

  /// The default limits.
  public init() {}
}

/// Why the server ends a stream: a gRPC status.
public struct StreamError: Error, Hashable, Sendable {
  /// The gRPC status codes in use.
  public enum Code: Int32, Sendable {
    /// The client sent what no client may send.
    case invalidArgument = 3
    /// The client may not know what it asked for.
    case permissionDenied = 7
    /// The client asked for more than its limits.
    case resourceExhausted = 8
    /// The client has not proved who it is.
    case unauthenticated = 16
  }

  /// The limits that a client can exceed, as metrics name them.
  public enum Limit: String, Sendable {
    /// ``StreamLimits/maxNames``.
    case names
    /// ``StreamLimits/maxNameLength``.
    case nameLength = "name_length"
    /// ``StreamLimits/maxTypes``.
    case types
    /// ``StreamLimits/maxNodeSize``.
    case nodeSize = "node_size"
    /// ``StreamLimits/requestRate``.
    case requestRate = "request_rate"
  }

  /// The status code.
  public let code: Code
  /// The limit that the client exceeded; nil where it did something else.
  public let limit: Limit?
  /// One sentence for the operator and the client.
  public let message: String

  /// A status.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
    limit = nil
  }

  /// The end of a stream whose client exceeded a limit.
  public init(exceeding limit: Limit, _ message: String) {
    code = .resourceExhausted
    self.message = message
    self.limit = limit
  }
}
