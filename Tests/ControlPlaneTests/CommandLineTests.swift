// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import Flags
import GRPC
import MeshModel
import Testing

@testable import ControlPlane

/// What flags and environment mean.
struct CommandLineTests {
  private let flags = FlagTable.flags([:])

  @Test("Defaults are istiod's, but plaintext gRPC is on loopback; a port alone is every interface")
  func defaults() throws {
    let options = try ControlPlaneOptions(
      try FlagValues([], flags: flags), environment: [:])
    #expect(options.grpcAddress == "127.0.0.1:15010")
    #expect(options.httpAddress == ":8080")
    #expect(options.shutdownDuration == .seconds(10))
    #expect(options.grpc.maxConnectionAge == nil)
    let given = try FlagValues(["--grpcAddr", ":15010"], flags: flags)
    #expect(try ControlPlaneOptions(given, environment: [:]).grpcAddress == ":15010")
  }

  @Test("The environment names cluster, revision, windows and features")
  func environment() throws {
    let environment = [
      "CLUSTER_ID": "east", "REVISION": "canary", "PILOT_DEBOUNCE_AFTER": "5ms",
      "PILOT_HTTP10": "true", "HOME": "/root", "POD_NAME": "istiod-1",
    ]
    let line = try FlagValues([], flags: FlagTable.flags(environment))
    let options = try ControlPlaneOptions(line, environment: environment)
    #expect(options.settings.cluster == "east")
    #expect(options.settings.revision == "canary")
    #expect(options.debounce.quiet == .milliseconds(5))
    #expect(options.settings.feature("PILOT_HTTP10", default: false))
    #expect(options.settings.features["HOME"] == nil)
    #expect(options.podName == "istiod-1")
  }
}
