// SPDX-License-Identifier: Apache-2.0

import Bytes
import EnvoyAPI
import Synchronization

/// Runs of resources in one piece of bytes, shared by all responses that are on their way.
///
/// A response of thousands of resources would otherwise be as many slices, and gRPC keeps the room
/// for their administration on every connection. Contents tell where a run ends, so that lists which
/// differ in a few resources share all other runs.
public final class ResponseChunks: Sendable {
  private struct Key: Hashable {
    var digest: ContentDigest
    var face: StreamMachine.Face
  }

  private struct Entry {
    weak var bytes: SharedBytes?
  }

  private struct State {
    var known: [Key: Entry] = [:]
    /// The number of entries at which those are dropped whose bytes are gone.
    var limit = 256
  }

  /// Responses of fewer resources are left as they are.
  private static let fewest = 16
  /// The most resources of a run; about a quarter of it is usual.
  private static let longest = 256
  /// The size in bytes from which a resource is better shared by itself.
  private static let largest = 32 << 10
  private let state = Mutex(State())

  /// No runs.
  public init() {}

  /// The bytes of resources as elements of a response.
  func slices(_ resources: [EncodedResource], _ face: StreamMachine.Face) -> [ByteSlice] {
    guard resources.count >= Self.fewest else { return resources.map { $0.element(face) } }
    var slices: [ByteSlice] = []
    var begin = 0
    for (index, resource) in resources.enumerated() {
      let isLarge = resource.sotwSize >= Self.largest
      if isLarge, begin < index {
        slices.append(chunk(resources[begin..<index], face))
        begin = index
      }
      let ends = resource.digest.low & 63 == 0 || index - begin + 1 >= Self.longest
      if isLarge || ends {
        slices.append(chunk(resources[begin...index], face))
        begin = index + 1
      }
    }
    if begin < resources.count { slices.append(chunk(resources[begin...], face)) }
    return slices
  }

  private func chunk(
    _ run: ArraySlice<EncodedResource>, _ face: StreamMachine.Face
  ) -> ByteSlice {
    if run.count == 1, let only = run.first { return only.element(face) }
    let digests = run.flatMap { [$0.digest.high, $0.digest.low] }
    let key = Key(digest: digests.withUnsafeBytes { ContentDigest(of: $0) }, face: face)
    if let known = state.withLock({ $0.known[key]?.bytes }) { return ByteSlice(known) }
    let made = SharedBytes(run.map { $0.element(face) })
    return ByteSlice(
      state.withLock { state in
        if let known = state.known[key]?.bytes { return known }
        if state.known.count >= state.limit {
          state.known = state.known.filter { $0.value.bytes != nil }
          state.limit = max(256, state.known.count * 2)
        }
        state.known[key] = Entry(bytes: made)
        return made
      })
  }
}

extension EncodedResource {
  fileprivate func element(_ face: StreamMachine.Face) -> ByteSlice {
    face == .delta ? deltaElement : sotwElement
  }
}

extension SharedBytes {
  /// Parts in one piece.
  fileprivate convenience init(_ parts: [ByteSlice]) {
    self.init(capacity: parts.reduce(0) { $0 + $1.count }) { target in
      var offset = 0
      for part in parts {
        part.withUnsafeBytes { bytes in
          UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: bytes)
        }
        offset += part.count
      }
      return offset
    }
  }
}
