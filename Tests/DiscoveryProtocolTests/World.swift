// SPDX-License-Identifier: Apache-2.0

import Bytes
import DiscoveryProtocol
import EnvoyAPI

/// A truth that tests change: resources as text, such as `v1 c:cluster-a f:routes-1`.
///
/// `c:` names a cluster that the resource uses, `f:` a follower: a cluster's endpoints or a
/// listener's routes.
struct World {
  private(set) var texts: [ResourceType: [String: String]] = [:]
  private var encoded: [ResourceType: [EncodedResource]] = [:]

  subscript(type: ResourceType, name: String) -> String? {
    get { texts[type]?[name] }
    set {
      texts[type, default: [:]][name] = newValue
      encoded[type] = nil
    }
  }

  mutating func cluster(_ name: String, _ text: String?) {
    self[.cluster, name] = text.map { $0 + " f:" + name }
  }

  func names(_ type: ResourceType) -> [String] { (texts[type] ?? [:]).keys.sorted() }

  mutating func view() -> TestView {
    for (type, texts) in texts where encoded[type] == nil {
      encoded[type] = texts.sorted { $0.key < $1.key }.map { resource(type, $0.key, $0.value) }
    }
    return TestView(resources: encoded)
  }
}

struct TestView: ResourceView {
  var resources: [ResourceType: [EncodedResource]]

  func all(_ type: ResourceType) -> [EncodedResource] { resources[type] ?? [] }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    resources[type]?.first { $0.name == name }
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> {
    Set(references("c:", in: resource))
  }

  func followers(of resource: EncodedResource) -> [ResourceKey] {
    let type: ResourceType = resource.type == .cluster ? .endpoint : .route
    return references("f:", in: resource).map { ResourceKey(type, $0) }
  }
}

func resource(_ type: ResourceType, _ name: String, _ text: String) -> EncodedResource {
  var text = text
  return text.withUTF8 { bytes in
    EncodedResource(type: type, name: name, packed: UnsafeRawBufferPointer(bytes))
  }
}

func text(_ resource: EncodedResource) -> String {
  resource.packed.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

func references(_ kind: String, in resource: EncodedResource) -> [String] {
  text(resource).split(separator: " ").filter { $0.hasPrefix(kind) }
    .map { String($0.dropFirst(2)) }
}

func flatten(_ slices: [ByteSlice]) -> [UInt8] {
  slices.flatMap { slice in slice.withUnsafeBytes { Array($0) } }
}

/// A small generator with a seed that a failing test prints (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
