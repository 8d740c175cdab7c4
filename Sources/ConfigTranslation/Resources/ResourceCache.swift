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
    /// The bytes of the younger generation.
    var size = 0
    var counts = Counts()
    var countsByType: [ResourceType: Counts] = [:]
  }

  /// What is gathered for classes of proxies.
  let gathered = GatheredViews()
  private let shards: [ShardBox]
  private let limit: Int
  private let sizeLimit: Int

  private final class ShardBox: Sendable {
    let shard = Mutex(Shard())
  }

  /// A cache of about `capacity` resources (`PILOT_XDS_CACHE_SIZE`, 60,000), and of no more than about
  /// `megabytes` of their bytes.
  public init(capacity: Int = 60_000, megabytes: Int = 128) {
    let count = 16
    shards = (0..<count).map { _ in ShardBox() }
    limit = max(1, capacity / count / 2)
    sizeLimit = megabytes << 20 / count / 2
  }

  /// The resource of `inputs`, made if it is not known.
  public func resource<Inputs: ResourceInputs>(_ inputs: Inputs) -> EncodedResource {
    let key = CacheKey(inputs)
    let box = shards[abs(key.hashValue % shards.count)]
    if let known = box.shard.withLock({ $0.find(key) }) { return known }
    let made = inputs.encoded()
    box.shard.withLock { $0.insert(key, made, limit: limit, sizeLimit: sizeLimit) }
    return made
  }

  /// What was built and reused so far of each type.
  public var countsByType: [ResourceType: Counts] {
    shards.reduce(into: [:]) { total, box in
      for (type, counts) in box.shard.withLock({ $0.countsByType }) {
        total[type, default: Counts()].built += counts.built
        total[type, default: Counts()].reused += counts.reused
      }
    }
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
    guard let known = young[key] ?? recall(key) else { return nil }
    counts.reused += 1
    countsByType[known.type, default: .init()].reused += 1
    return known
  }

  /// Takes over what the older generation has.
  private mutating func recall(_ key: CacheKey) -> EncodedResource? {
    guard let known = old[key] else { return nil }
    young[key] = known
    size += known.sotwSize
    return known
  }

  fileprivate mutating func insert(
    _ key: CacheKey, _ made: EncodedResource, limit: Int, sizeLimit: Int
  ) {
    counts.built += 1
    countsByType[made.type, default: .init()].built += 1
    if young.count >= limit || size >= sizeLimit {
      counts.evicted += old.keys.count { young[$0] == nil }
      old = young
      young = [:]
      size = 0
    }
    if young.updateValue(made, forKey: key) == nil { size += made.sotwSize }
  }
}

/// Inputs of any type as a key, hashed once.
private struct CacheKey: Hashable, Sendable {
  private let inputs: any ResourceInputs
  private let hash: Int

  init(_ inputs: some ResourceInputs) {
    self.inputs = inputs
    var hasher = Hasher()
    hasher.combine(ObjectIdentifier(type(of: inputs)))
    hasher.combine(inputs)
    hash = hasher.finalize()
  }

  static func == (left: CacheKey, right: CacheKey) -> Bool {
    left.hash == right.hash && equal(left.inputs, right.inputs)
  }

  private static func equal<Inputs: ResourceInputs>(
    _ left: Inputs, _ right: any ResourceInputs
  ) -> Bool {
    (right as? Inputs).map { $0 == left } ?? false
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
