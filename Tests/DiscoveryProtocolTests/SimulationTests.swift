// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import Testing

/// Clients under random subscriptions, rejections, delays and broken streams: whenever all is
/// quiet, what each client has equals the truth; and clusters never go before what uses them.
@Suite struct SimulationTests {
  @Test(arguments: [StreamMachine.Face.sotw, .delta], UInt64(1)...5)
  func oneClientAgreesWithTheTruth(_ face: StreamMachine.Face, _ seed: UInt64) {
    var simulation = Simulation(seed: seed, faces: [face])
    simulation.run(steps: 2_000)
    #expect(simulation.failures.isEmpty, "seed \(seed)")
    #expect(simulation.accepted > 100 && simulation.rejections > 3)
    #expect(simulation.quiescences > 10)
  }

  @Test(arguments: UInt64(100)...102) func manyClientsAgree(_ seed: UInt64) {
    var simulation = Simulation(
      seed: seed, faces: Array(repeating: .sotw, count: 4) + Array(repeating: .delta, count: 4))
    simulation.run(steps: 4_000)
    #expect(simulation.failures.isEmpty, "seed \(seed)")
  }
}
