// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import Foundation
import Testing

/// Clients under random subscriptions, rejections, delays and broken streams: whenever all is
/// quiet, what each client has equals the truth; and clusters never go before what uses them.
///
/// `NAVARCH_SIMULATION_STEPS` says how many steps in all (`make soak` takes a million).
@Suite struct SimulationTests {
  private static let steps =
    ProcessInfo.processInfo.environment["NAVARCH_SIMULATION_STEPS"].flatMap(Int.init) ?? 100_000

  @Test(arguments: [StreamMachine.Face.sotw, .delta], UInt64(1)...5)
  func oneClientAgreesWithTheTruth(_ face: StreamMachine.Face, _ seed: UInt64) {
    var simulation = Simulation(seed: seed, faces: [face])
    simulation.run(steps: Self.steps / 20)
    #expect(simulation.failures.isEmpty, "seed \(seed)")
    #expect(simulation.accepted > 100 && simulation.rejections > 3)
    #expect(simulation.quiescences > 10)
  }

  @Test(arguments: UInt64(100)...102) func manyClientsAgree(_ seed: UInt64) {
    var simulation = Simulation(
      seed: seed, faces: Array(repeating: .sotw, count: 4) + Array(repeating: .delta, count: 4))
    simulation.run(steps: Self.steps / 6)
    #expect(simulation.failures.isEmpty, "seed \(seed)")
  }
}
