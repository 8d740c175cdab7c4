// SPDX-License-Identifier: Apache-2.0

public import Authentication
import DiscoveryProtocol
import EnvoyAPI

/// A workload's certificate with a key that was made for one stream, and the roots to trust.
public struct WorkloadSecrets: Sendable {
  /// The certificate and its chain, PEM.
  public var chain: [UInt8]
  /// The key, PEM.
  public var key: [UInt8]
  /// The roots, PEM.
  public var roots: [UInt8]
  /// The last second of the certificate's life, since 1970.
  public var end: Int64

  /// A certificate with its key and roots.
  public init(chain: [UInt8], key: [UInt8], roots: [UInt8], end: Int64) {
    (self.chain, self.key, self.roots, self.end) = (chain, key, roots, end)
  }
}

/// Where the secrets of proxies come from that have no agent (`--allowAgentlessKeys`).
public struct WorkloadSecretSource: Sendable {
  /// A new key and its certificate for who has proved to be somebody, at a peer's address.
  public var issue: @Sendable (_ identity: SpiffeID, _ peer: String) throws -> WorkloadSecrets
  /// What changes when all certificates are to be renewed: who signs, and the roots.
  public var mark: @Sendable () -> [UInt8]

  /// A source of two functions, which any stream's task may call.
  public init(
    issue: @escaping @Sendable (_ identity: SpiffeID, _ peer: String) throws -> WorkloadSecrets,
    mark: @escaping @Sendable () -> [UInt8]
  ) {
    (self.issue, self.mark) = (issue, mark)
  }
}

/// What a stream has proved holds no longer.
struct ProofEnded: Error {}

/// The secrets of one stream: they are in its memory alone, and end with it.
///
/// None is made once the token or certificate has ended by which the stream has proved who it is: who
/// has nothing newer to show would else be given keys for as long as the stream lasts.
struct StreamSecrets: Sendable {
  private let identity: SpiffeID
  private let peer: String
  private let source: WorkloadSecretSource
  private let proofEnd: Int64?
  private(set) var resources: [String: EncodedResource] = [:]
  private var renewAt = Int64.min
  private var mark: [UInt8] = []

  /// How often it is looked at whether they are to be renewed.
  static let interval = Duration.seconds(1)

  /// Secrets for who has proved to be somebody.
  ///
  /// - Parameter proofEnd: When the proof ends, in seconds since 1970; nil where that is not known.
  init(
    of identity: SpiffeID, at peer: String, from source: WorkloadSecretSource, proofEnd: Int64?,
    now: Int64
  ) throws {
    (self.identity, self.peer, self.source, self.proofEnd) = (identity, peer, source, proofEnd)
    _ = try refresh(now: now)
  }

  /// Renews the certificate at half of its life, and where another signs or the roots have changed; says
  /// whether anything is new.
  ///
  /// - Throws: `ProofEnded`, or what the source throws.
  mutating func refresh(now: Int64) throws -> Bool {
    let fresh = source.mark()
    guard now >= renewAt || mark != fresh else { return false }
    if let proofEnd, now >= proofEnd { throw ProofEnded() }
    let secrets = try source.issue(identity, peer)
    mark = fresh
    renewAt = now + max(1, (secrets.end - now) / 2)
    resources = [
      "default": .certificate("default", chain: secrets.chain, key: secrets.key),
      "ROOTCA": .roots("ROOTCA", secrets.roots),
    ]
    return true
  }
}

/// What a proxy should have, and the secrets of its stream besides.
struct ViewWithSecrets: ResourceView {
  let base: any ResourceView
  let secrets: [String: EncodedResource]

  func all(_ type: ResourceType) -> [EncodedResource] { base.all(type) }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    if type == .secret, let secret = secrets[name] { return secret }
    return base.named(type, name)
  }

  func list(_ type: ResourceType, wildcard: Bool, names: ResourceNames) -> ResourceList {
    type == .secret
      ? ResourceList(elements(type, wildcard: wildcard, names: names))
      : base.list(type, wildcard: wildcard, names: names)
  }

  func hasSame(_ type: ResourceType, as earlier: any ResourceView) -> Bool {
    base.hasSame(type, as: (earlier as? ViewWithSecrets)?.base ?? earlier)
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> {
    base.clusters(referencedBy: resource)
  }

  func followers(of resource: EncodedResource) -> [ResourceKey] { base.followers(of: resource) }
}
