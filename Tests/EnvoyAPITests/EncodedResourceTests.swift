// SPDX-License-Identifier: Apache-2.0

import Bytes
import EnvoyAPI
import JSON
import Testing

@Suite struct EncodedResourceTests {
  private func cluster(_ name: String) -> EncodedResource {
    Arena.scope { arena in
      let message = Envoy.Cluster(arena) {
        $0.name = name
        $0.clusterDiscoveryType = .type(.eds)
        $0.connectTimeout = .seconds(10)
      }
      return EncodedResource(type: .cluster, name: name, message: message)
    }
  }

  private func joined(_ slices: [ByteSlice]) -> [UInt8] {
    slices.flatMap { slice in slice.withUnsafeBytes { Array($0) } }
  }

  @Test func theFramesAreElementsOfADiscoveryResponse() throws {
    let resources = [cluster("one"), cluster(String(repeating: "long", count: 100))]
    let bytes = resources.flatMap { joined([$0.sotwElement]) }
    try Arena.scope { arena in
      let response = try bytes.withUnsafeBytes {
        try Envoy.DiscoveryResponse(unpacking: $0, in: arena)
      }
      #expect(response.resources.map(\.typeURL) == resources.map(\.type.url))
      let names = response.resources.map { $0.unpack(Envoy.Cluster.self, in: arena)?.name }
      #expect(names == resources.map(\.name))
    }
  }

  @Test func theFramesAreElementsOfADeltaDiscoveryResponse() throws {
    let resources = [cluster("one"), cluster(String(repeating: "long", count: 100))]
    let bytes = resources.flatMap { joined([$0.deltaElement]) }
    try Arena.scope { arena in
      let response = try bytes.withUnsafeBytes {
        try Envoy.DeltaDiscoveryResponse(unpacking: $0, in: arena)
      }
      #expect(response.resources.map(\.name) == resources.map(\.name))
      #expect(response.resources.map(\.version) == resources.map(\.version))
      let clusters = response.resources.map {
        $0.resource?.unpack(Envoy.Cluster.self, in: arena)?.name
      }
      #expect(clusters == resources.map(\.name))
    }
  }

  @Test func packedBytesAndTheMessageMakeTheSameResource() {
    let resource = cluster("one")
    let copy = resource.packed.withUnsafeBytes {
      EncodedResource(type: .cluster, name: "one", packed: $0)
    }
    #expect(copy == resource)
    #expect(joined([copy.deltaElement]) == joined([resource.deltaElement]))
    #expect(resource.version == resource.digest.description)
    #expect(resource.sotwSize == joined([resource.sotwElement]).count)
  }

  @Test func typeNameAndBytesMakeTheVersion() {
    let one = cluster("one")
    #expect(one == cluster("one"))
    #expect(one != cluster("two"))
    let bytes = one.packed.withUnsafeBytes { Array($0) }
    let others = bytes.withUnsafeBytes {
      [
        EncodedResource(type: .cluster, name: "two", packed: $0),
        EncodedResource(type: .listener, name: "one", packed: $0),
      ]
    }
    #expect(Set(others.map(\.version) + [one.version]).count == 3)
  }

  @Test func theMessageComesOutAgain() throws {
    let resource = cluster("one")
    try Arena.scope { (arena) throws -> Void in
      let cluster = try resource.message(Envoy.Cluster.self, in: arena)
      #expect(cluster.name == "one")
      let slot = try resource.message(in: arena)
      #expect(slot.json()["name"] == "one")
      #expect(throws: WireError.self) { try resource.message(Envoy.Listener.self, in: arena) }
    }
    #expect(
      resource.json() == [
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "one",
        "type": "EDS", "connect_timeout": "10s",
      ])
  }

  @Test func aResourceOfAnUnknownTypeIsShownAsBytes() {
    let type = ResourceType(url: "type.googleapis.com/of.a.newer.Proxy")
    let resource = [1, 2, 3].withUnsafeBytes {
      EncodedResource(type: type, name: "x", packed: UnsafeRawBufferPointer(rebasing: $0[..<1]))
    }
    #expect(resource.json() == ["@type": .string(type.url), "value": "AQ=="])
    Arena.scope { (arena) -> Void in
      #expect(throws: WireError.self) { try resource.message(in: arena) }
    }
  }
}
