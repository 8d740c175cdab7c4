// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

/// How one stream stands with one type, as `/debug/syncz` shows it.
public struct TypeStatus: Sendable {
  /// Istio's word for how a type stands.
  public enum State: String, Sendable {
    /// The client has acknowledged the newest content.
    case synced = "SYNCED"
    /// The newest content was not sent or not acknowledged yet.
    case stale = "STALE"
    /// Nothing was sent yet.
    case notSent = "NOT_SENT"
    /// The client has rejected content that is still the newest.
    case error = "ERROR"
    /// The client withholds its acknowledgement while new or changed clusters warm.
    case warming = "WARMING"
  }

  /// A response and when the client was sent it.
  public struct Response: Hashable, Sendable {
    /// The response's nonce.
    public let nonce: String
    /// The response's version.
    public let version: String
    /// When it was sent.
    public let sentAt: Duration
  }

  /// The rejection that counts: no later response was accepted in its place.
  public struct Failure: Hashable, Sendable {
    /// The rejected response's nonce.
    public let nonce: String
    /// The client's code and words.
    public let detail: NackDetail
    /// When the client said so.
    public let at: Duration
    /// The names of the resources that the response brought.
    public let names: [String]
    /// The generation of the snapshot that the response brought the client to.
    public let generation: UInt64

    /// A rejection of these parts.
    public init(
      nonce: String, detail: NackDetail, at: Duration, names: [String], generation: UInt64 = 0
    ) {
      (self.nonce, self.detail, self.at) = (nonce, detail, at)
      (self.names, self.generation) = (names, generation)
    }
  }

  /// A resource's versions.
  public struct Held: Hashable, Sendable {
    /// The resource's name.
    public let name: String
    /// The version that was sent; nil if it was removed.
    public let sent: String?
    /// The version that the client acknowledged; nil if none.
    public let acked: String?
  }

  /// The kind of resources.
  public let type: ResourceType
  /// How it stands.
  public let state: State
  /// The last response sent.
  public let sent: Response?
  /// The last response acknowledged.
  public let acked: Response?
  /// The rejection that still counts.
  public let lastError: Failure?
  /// Whether the client subscribes to everything.
  public let wildcard: Bool
  /// How many names the client subscribes to.
  public let names: Int
  /// Resources that wait for new clusters.
  public let heldBack: Int
  /// All resources that the client has or was sent, by name.
  public let resources: [Held]
}

extension StreamMachine {
  /// How each subscribed type stands, in the order of a push.
  public var status: [TypeStatus] { types.values.map(\.status) }

  /// The newest generation of which the client has acknowledged everything that it asked for, but
  /// for what it refused.
  public var applied: UInt64 {
    types.values.map { $0.applied(newest: generation) }.min() ?? 0
  }
}

extension TypeState {
  var status: TypeStatus {
    TypeStatus(
      type: type, state: statusState, sent: lastSent?.status, acked: lastAcked?.status,
      lastError: lastError, wildcard: subscription.wildcard, names: subscription.names.count,
      heldBack: heldBack.count, resources: heldVersions)
  }

  private var statusState: TypeStatus.State {
    guard lastSent != nil else { return .notSent }
    if lastError != nil { return .error }
    if isWarming { return .warming }
    let isNewest = outstanding.isEmpty && pending == .nothing && heldBack.isEmpty
    return isNewest ? .synced : .stale
  }

  private var heldVersions: [TypeStatus.Held] {
    let gone = acked.elements.filter { sent[$0.name] == nil }
    let known = SortedResources.merged(sent.elements, gone)
    return known.map { resource in
      TypeStatus.Held(
        name: resource.name, sent: sent[resource.name]?.version,
        acked: acked[resource.name]?.version)
    }
  }
}

extension SentResponse {
  fileprivate var status: TypeStatus.Response {
    TypeStatus.Response(nonce: nonce, version: version, sentAt: sentAt)
  }
}
