// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ControlPlane

/// Store, scheduler, translation and streams under everything that a network does to them: whenever all
/// is quiet every proxy has the newest snapshot, and on the way nothing refers to what was not sent.
///
/// `NAVARCH_SIMULATION_SEEDS` says how many seeds (`make soak` takes ten thousand);
/// `NAVARCH_SIMULATION_SEED` plays one of them again, and tells what happened where it fails.
@Suite struct ControlPlaneSimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let one = environment["NAVARCH_SIMULATION_SEED"].flatMap(UInt64.init)
  private static let seeds =
    environment["NAVARCH_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 500
  private static let batches = seeds / 50

  @Test(arguments: 0..<(one == nil ? max(1, batches) : 1))
  func everyProxyConverges(_ batch: UInt64) {
    let translator = Translator(cacheCapacity: 60_000) {}
    let seeds = Self.one.map { $0...$0 } ?? (batch * 50 + 1)...(batch * 50 + 50)
    var counts = ControlPlaneSimulation.Counts()
    for seed in seeds {
      var simulation = ControlPlaneSimulation(
        seed: seed, translator: translator, tellsAll: Self.one != nil)
      simulation.run(steps: 75)
      counts.add(simulation.counts)
      guard simulation.failures.isEmpty else {
        let history = Self.one == nil ? "" : simulation.history.joined(separator: "\n") + "\n"
        Issue.record(
          "\(history)NAVARCH_SIMULATION_SEED=\(seed): \(simulation.failures.prefix(3))")
        return
      }
    }
    guard Self.one == nil, batch == 0 else { return }
    #expect(counts.quiescences >= 50 && counts.responses > 600)
    #expect(counts.refusals > 0 && counts.breaks > 3 && counts.restarts > 0)
    #expect(counts.overtakings > 10, "endpoints overtake configuration that waits")
  }
}

extension ControlPlaneSimulation.Counts {
  fileprivate mutating func add(_ other: Self) {
    responses += other.responses
    refusals += other.refusals
    breaks += other.breaks
    restarts += other.restarts
    overtakings += other.overtakings
    quiescences += other.quiescences
  }
}
