// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import Foundation
import GRPC
import JSON
import MeshModel
import Testing

@testable import DiscoveryServer

/// Discovery requests that are not what they were; `NAVARCH_MUTATIONS` says how many (`make soak`
/// takes a million).
@Suite struct MutationTests {
  private static let count =
    ProcessInfo.processInfo.environment["NAVARCH_MUTATIONS"].flatMap(Int.init) ?? 10_000

  private static func node(_ arena: Arena) -> Envoy.Node {
    Envoy.Node(arena) { node in
      node.id = "sidecar~10.0.0.1~web-1.default~default.svc.cluster.local"
      node.cluster = "web.default"
      node.metadata = JSONObject(distinct: [
        .init("NAMESPACE", "default"), .init("SERVICE_ACCOUNT", "web"),
        .init("LABELS", ["app": "web", "nested": ["deep": [["deeper": [1, true, .null]]]]]),
      ])
      node.locality = node.make(Envoy.Locality.self) { $0.region = "a" }
    }
  }

  private static func sotw() -> [UInt8] {
    Arena.scope { arena in
      Envoy.DiscoveryRequest(arena) { request in
        request.node = node(arena)
        request.typeUrl = ResourceType.endpoint.url
        request.versionInfo = "v-1"
        request.responseNonce = "n-1"
        for name in ["a", "b"] { request.resourceNames.append(name) }
      }.packed
    }
  }

  private static func delta() -> [UInt8] {
    Arena.scope { arena in
      Envoy.DeltaDiscoveryRequest(arena) { request in
        request.node = node(arena)
        request.typeUrl = ResourceType.cluster.url
        request.responseNonce = "n-1"
        for name in ["*", "a"] { request.resourceNamesSubscribe.append(name) }
        request.resourceNamesUnsubscribe.append("b")
      }.packed
    }
  }

  private static func mutated(
    _ good: [UInt8], _ random: inout some RandomNumberGenerator
  ) -> [UInt8] {
    var bytes = good
    for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
      let index = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[index] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
      case 3: bytes = Array(bytes[..<index])
      default:
        let end = min(bytes.count, index + Int.random(in: 1...64, using: &random))
        bytes.insert(contentsOf: bytes[index..<end], at: index)
      }
    }
    return bytes
  }

  /// Each is refused, or read as some request that a stream answers; none ends the process.
  @Test(arguments: [StreamMachine.Face.sotw, .delta])
  func `mutated requests are refused or answered`(face: StreamMachine.Face) {
    var random = SystemRandomNumberGenerator()
    let good = face == .sotw ? Self.sotw() : Self.delta()
    var read = 0
    for _ in 0..<Self.count / 2 {
      let bytes = Self.mutated(good, &random)
      guard let decoded = try? face.decode(GRPCMessage(bytes)) else { continue }
      read += 1
      if let description = decoded.node { _ = try? ProxyNode(description) }
      var machine = StreamMachine(face: face, noncePrefix: "n-")
      _ = machine.handle(decoded.request.event, at: .zero)
    }
    // Some changes are within texts: a reader that refuses all would be tested by nothing.
    #expect(read > Self.count / 200)
  }
}
