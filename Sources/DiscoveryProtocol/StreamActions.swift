// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

/// What can happen to a stream.
///
/// Times are durations since any fixed start, and never go back.
public enum StreamEvent: Sendable {
  /// The client sent a state-of-the-world request.
  case sotw(SotWRequest)
  /// The client sent a delta request.
  case delta(DeltaRequest)
  /// The client asked a question that is answered elsewhere (`istio.io/debug`): only what it costs
  /// counts here, and what it may ask for.
  case question(QuestionCost)
  /// The proxy's view is now this; `scope` bounds what may differ from the view before.
  ///
  /// `origin` is when the earliest change in it happened; its acknowledgement reports it back.
  /// `generation` counts snapshots; ``StreamMachine/applied`` is told in it.
  case push(any ResourceView, scope: PushScope, origin: Duration, generation: UInt64 = 0)
  /// What the client acknowledged is to be compared with a view, which shows the same as the last
  /// push; where all is quiet and they differ, the difference is sent.
  case audit(any ResourceView)
  /// A deadline that the machine had set has come.
  case deadline(StreamDeadline)
}

/// What counts of a request that the machine does not answer.
public struct QuestionCost: Hashable, Sendable {
  /// The type that is asked for.
  public var type: ResourceType
  /// The names that are asked for.
  public var names: [String]
  /// The size of the request's node in bytes; 0 if it has none.
  public var nodeSize: Int
  /// Whether it only acknowledges an answer, and so costs no more than any request.
  public var isAnswer: Bool

  /// What counts of a question.
  public init(type: ResourceType, names: [String], nodeSize: Int, isAnswer: Bool) {
    (self.type, self.names, self.nodeSize) = (type, names, nodeSize)
    self.isAnswer = isAnswer
  }
}

/// The deadlines of a stream.
///
/// Setting one replaces an earlier one of the same identity.
public enum StreamDeadline: Hashable, Sendable {
  /// Resources waited long enough for new clusters to be acknowledged.
  case gate
  /// A response of the type waited long enough for the acknowledgement of the one before.
  case flow(ResourceType)
  /// A cluster whose removal waits may go now.
  case removal
}

/// What the shell has to do.
public enum StreamAction: Sendable {
  /// Write this response.
  case send(StreamResponse)
  /// Deliver `.deadline` after this long.
  case setDeadline(StreamDeadline, after: Duration)
  /// Count and log this.
  case record(StreamRecord)
  /// End the stream with this status; the machine ignores what comes afterwards.
  case closeWithError(StreamError)
}

/// What an operator may want to know.
public enum StreamRecord: Hashable, Sendable {
  /// The client accepted a response.
  case acked(Acknowledgement)
  /// The client rejected a response, for this reason, that carried these names.
  case nacked(Acknowledgement, NackDetail, names: [String])
  /// The client rejected a part of a response that it had rejected before; smaller parts follow,
  /// to find what it refuses.
  case narrowed(Acknowledgement, NackDetail, names: [String])
  /// An audit found that the client does not have what it should; it is sent it.
  case repaired(ResourceType, names: [String])
  /// The client acknowledged a response that the stream does not wait for.
  case staleNonce(ResourceType, nonce: String)
  /// The client has left so many responses of a type without an answer.
  case silent(ResourceType, responses: Int)
  /// The wait for new clusters ran out with so many resources of other types held back.
  case gateExpired(heldBack: Int)
  /// The wait for an acknowledgement ran out; the newest state is sent without it.
  case flowExpired(ResourceType)
}

/// An answer to a response, with what a latency needs.
public struct Acknowledgement: Hashable, Sendable {
  /// The kind of resources.
  public let type: ResourceType
  /// The response's nonce.
  public let nonce: String
  /// The response's version.
  public let version: String
  /// How many resources were new, changed or removed for this client.
  public let changes: Int
  /// When the response was sent.
  public let sentAt: Duration
  /// When the answer came.
  public let answeredAt: Duration
  /// When the earliest change in it happened; nil if it only answered a request.
  public let origin: Duration?
}
