// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import EnvoyAPI

/// Whether this is a run of `swift test --sanitize=address`.
private let isAddressSanitized = dlsym(nil, "__asan_init") != nil

@Suite struct ArenaTests {
  @Test func listsGrowInTheArena() {
    Arena.scope { arena in
      let policy = Envoy.RouteRetryPolicy(arena)
      let host = Envoy.VirtualHost(arena)
      for number in 0..<10_000 {
        policy.retriableStatusCodes.append(UInt32(number))
        host.domains.append("host \(number)")
      }
      #expect(policy.retriableStatusCodes.elementsEqual(0..<10_000))
      #expect(host.domains.elementsEqual((0..<10_000).map { "host \($0)" }))
    }
  }

  @Test func whatWasUnpackedGrowsAndKeepsItsNeighbours() throws {
    let bytes = Arena.scope { arena in
      Envoy.RouteConfiguration(arena) { routes in
        routes.internalOnlyHeaders = ["x", "y", "z"]
        routes.virtualHosts = .init(
          (0..<3).map { number in routes.make(Envoy.VirtualHost.self) { $0.name = "\(number)" } })
        routes.responseHeadersToRemove = ["r"]
      }.packed
    }
    try Arena.scope { arena in
      let routes = try bytes.withUnsafeBytes {
        try Envoy.RouteConfiguration(unpacking: $0, in: arena)
      }
      for number in 3..<200 {
        routes.virtualHosts.append(routes.make(Envoy.VirtualHost.self) { $0.name = "\(number)" })
        routes.internalOnlyHeaders.append("\(number)")
      }
      routes.responseHeadersToRemove.append("s")
      #expect(routes.virtualHosts.map(\.name) == (0..<200).map { "\($0)" })
      #expect(Array(routes.internalOnlyHeaders) == ["x", "y", "z"] + (3..<200).map { "\($0)" })
      #expect(Array(routes.responseHeadersToRemove) == ["r", "s"])
    }
  }

  @Test func manySmallAndSomeLargePiecesDoNotOverlap() {
    Arena.scope { arena in
      let sizes = (0..<500).map { ($0 * 7919) % ($0 % 50 == 0 ? 100_000 : 300) }
      let values = sizes.enumerated().map { index, size in
        [UInt8](repeating: UInt8(index % 251), count: size)
      }
      let messages = values.map { value in Envoy.HeaderValue(arena) { $0.rawValue = value } }
      for (message, value) in zip(messages, values) { #expect(message.rawValue == value) }
    }
  }

  // A debug build stops at the handle itself, sanitized or not. A release build does not look; there
  // the address sanitizer finds the use of memory that was freed.
  #if DEBUG
    @Test func aHandleThatWasKeptStopsTheProcess() async {
      await #expect(processExitsWith: .failure) {
        let kept = Arena.scope { arena in Envoy.Cluster(arena) { $0.name = "kept" } }
        _ = kept.name
      }
    }
  #endif

  @Test(.enabled(if: isAddressSanitized, "this is no run with --sanitize=address"))
  func theSanitizerFindsMemoryThatWasKept() async {
    await #expect(processExitsWith: .failure) {
      let kept = Arena.scope { arena in arena.copy("kept") }
      precondition(String(cString: kept) != "")
    }
  }

  @Test func aMessageOfAnotherArenaIsRefused() async {
    await #expect(processExitsWith: .failure) {
      Arena.scope { one in
        Arena.scope { other in
          Envoy.Cluster(one).edsClusterConfig = Envoy.Cluster.EdsClusterConfig(other)
        }
      }
    }
  }
}
