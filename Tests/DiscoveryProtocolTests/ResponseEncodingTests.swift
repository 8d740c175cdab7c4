// SPDX-License-Identifier: Apache-2.0

import Bytes
import DiscoveryProtocol
import EnvoyAPI
import Testing

/// Responses against what Google's protobuf library (Python, package `xds-protos`) writes.
///
/// Within `Resource` the order of fields is ours: version, name, resource.
@Suite struct ResponseEncodingTests {
  private let clusters = [
    resource(.cluster, "a", "\u{0a}\u{01}a"), resource(.cluster, "b", "\u{0a}\u{01}b"),
  ]

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func stateOfTheWorld() {
    let response = SotWResponse(type: .cluster, version: "v7", nonce: "n1", resources: clusters)
    let golden =
      "0a027637123a0a33747970652e676f6f676c65617069732e636f6d2f656e766f792e636f6e666967"
      + "2e636c75737465722e76332e436c757374657212030a0161123a0a33747970652e676f6f676c6561"
      + "7069732e636f6d2f656e766f792e636f6e6669672e636c75737465722e76332e436c757374657212"
      + "030a01622233747970652e676f6f676c65617069732e636f6d2f656e766f792e636f6e6669672e63"
      + "6c75737465722e76332e436c75737465722a026e3132090a076e617661726368"
    #expect(hex(flatten(response.encoded(controlPlane: "navarch"))) == golden)
  }

  @Test func delta() {
    let response = DeltaResponse(
      type: .cluster, systemVersion: "v7", nonce: "n2", resources: clusters, removed: ["c", "d"])
    let golden =
      "0a02763712610a203137303264333635373934343236353138643365313366383837613430663435"
      + "1a0161123a0a33747970652e676f6f676c65617069732e636f6d2f656e766f792e636f6e6669672e"
      + "636c75737465722e76332e436c757374657212030a016112610a2062383364323436333034376163"
      + "383630346335366561633665376662646637331a0162123a0a33747970652e676f6f676c65617069"
      + "732e636f6d2f656e766f792e636f6e6669672e636c75737465722e76332e436c757374657212030a"
      + "01622233747970652e676f6f676c65617069732e636f6d2f656e766f792e636f6e6669672e636c75"
      + "737465722e76332e436c75737465722a026e323201633201643a090a076e617661726368"
    #expect(hex(flatten(response.encoded(controlPlane: "navarch"))) == golden)
  }

  @Test func anEmptyDeltaWithoutAControlPlane() {
    let response = StreamResponse.delta(
      DeltaResponse(
        type: .cluster, systemVersion: "v7", nonce: "n2", resources: [], removed: []))
    let golden =
      "0a0276372233747970652e676f6f676c65617069732e636f6d2f656e766f792e636f6e6669672e63"
      + "6c75737465722e76332e436c75737465722a026e32"
    #expect(hex(flatten(response.encoded(controlPlane: ""))) == golden)
  }

  @Test(arguments: [15, 16, 700])
  func manyResourcesAreFewSlicesOfTheSameBytes(count: Int) {
    let chunks = ResponseChunks()
    var resources = (0..<count).map { number in
      resource(.cluster, "cluster-\(number)", String(repeating: "x", count: number % 50))
    }.sorted { $0.name < $1.name }
    let large = String(repeating: "y", count: 100_000)
    resources[count / 2] = resource(.cluster, resources[count / 2].name, large)
    let response = DeltaResponse(
      type: .cluster, systemVersion: "1", nonce: "1", resources: resources, removed: [])
    let slices = response.encoded(controlPlane: "", chunks: chunks)
    let apart = resources.map(\.deltaElement)
    #expect(flatten(Array(slices.dropFirst().dropLast())) == flatten(apart))
    #expect(count < 16 || slices.count < count / 4 + 5)
    #expect(slices.contains { $0.owner === apart[count / 2].owner }, "what is large is not copied")
    resources[1] = resource(.cluster, resources[1].name, "changed")
    let other = DeltaResponse(
      type: .cluster, systemVersion: "2", nonce: "2", resources: resources, removed: [])
    let others = other.encoded(controlPlane: "", chunks: chunks)
    let shared = others.count { slice in slices.contains { $0.owner === slice.owner } }
    #expect(shared >= others.count - 3, "all is shared but the ends and the run that differs")
  }

  @Test func theBytesOfAResourceAreSharedBetweenResponses() {
    let one = SotWResponse(type: .cluster, version: "1", nonce: "1", resources: clusters)
    let two = SotWResponse(type: .cluster, version: "2", nonce: "2", resources: clusters)
    let owners = [one, two].map { $0.encoded(controlPlane: "")[1].owner }
    #expect(owners[0] === owners[1])
  }
}
