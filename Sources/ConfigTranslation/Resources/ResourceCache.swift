// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import Synchronization

/// Remembers encoded resources by their inputs: equal inputs are translated once for all proxies.
///
/// Nothing is ever invalidated: changed inputs are another key. Two generations bound its size:
/// when the younger is full it becomes the older, and what was not asked for since is dropped.
public final class ResourceCache: Sendable {
  /// How often resources were made, and how often found.
  public struct Counts: Hashable, Sendable {
    /// Resources that were translated.
    public var built = 0
    /// Resources that were found.
    public var reused = 0
    /// Resources that were dropped to keep the size.
    public var evicted = 0
    /// Resources that are held now.
    public var held = 0
  }

  fileprivate struct Shard {
    var young: [CacheKey: EncodedResource] = [:]
    var old: [CacheKey: EncodedResource] = [:]
    var counts = Counts()
  }

  /// Lists of outbound clusters that many proxies share.
  let clusterLists = SnapshotMemo<ClusterListKey, [EncodedResource]>()
  /// Load assignments that many proxies share.
  let assignments = SnapshotMemo<AssignmentKey, EncodedResource>()
  private let shards: [ShardBox]
  private let limit: Int

  private final class ShardBox: Sendable {
    let shard = Mutex(Shard())
  }

  /// A cache of about `capacity` resources (`PILOT_XDS_CACHE_SIZE`, 60,000).
  public init(capacity: Int = 60_000) {
    let count = 16
    shards = (0..<count).map { _ in ShardBox() }
    limit = max(1, capacity / count / 2)
  }

  /// The resource of `inputs`, made if it is not known.
  public func resource<Inputs: ResourceInputs>(_ inputs: Inputs) -> EncodedResource {
    let key = CacheKey(inputs)
    let box = shards[abs(key.hashValue % shards.count)]
    if let known = box.shard.withLock({ $0.find(key) }) { return known }
    let made = Arena.scope { arena in
      EncodedResource(type: Inputs.type, name: inputs.name, message: inputs.make(in: arena))
    }
    box.shard.withLock { $0.insert(key, made, limit: limit) }
    return made
  }

  /// What was built and reused so far.
  public var counts: Counts {
    shards.reduce(into: Counts()) { total, box in
      let (counts, held) = box.shard.withLock { shard in
        // What was asked for since is in both generations.
        let old = shard.old.keys.count { shard.young[$0] == nil }
        return (shard.counts, shard.young.count + old)
      }
      total.built += counts.built
      total.reused += counts.reused
      total.evicted += counts.evicted
      total.held += held
    }
  }
}

extension ResourceCache.Shard {
  fileprivate mutating func find(_ key: CacheKey) -> EncodedResource? {
    if let known = young[key] {
      counts.reused += 1
      return known
    }
    guard let known = old[key] else { return nil }
    counts.reused += 1
    young[key] = known
    return known
  }

  fileprivate mutating func insert(_ key: CacheKey, _ made: EncodedResource, limit: Int) {
    counts.built += 1
    if young.count >= limit {
      counts.evicted += old.keys.count { young[$0] == nil }
      old = young
      young = [:]
    }
    young[key] = made
  }
}

/// Inputs of any type as a key.
private struct CacheKey: Hashable, Sendable {
  private let inputs: any ResourceInputs

  init(_ inputs: any ResourceInputs) { self.inputs = inputs }

  static func == (left: CacheKey, right: CacheKey) -> Bool { equal(left.inputs, right.inputs) }

  private static func equal<Inputs: ResourceInputs>(
    _ left: Inputs, _ right: any ResourceInputs
  ) -> Bool {
    (right as? Inputs).map { $0 == left } ?? false
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(type(of: inputs)))
    hasher.combine(inputs)
  }
}
