// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LeaderElection

@Suite("Candidates for a lock")
struct CandidateTests {
  private static func simulation(_ count: Int, seed: UInt64 = 1) -> Simulation {
    var simulation = Simulation(count, seed: seed)
    for index in 0..<count { simulation.tell(index, .pursue(predecessor: "")) }
    return simulation
  }

  @Test("one of several leads, renews, and stays")
  func steady() throws {
    var simulation = Self.simulation(3)
    simulation.run(until: .seconds(300))
    #expect(simulation.leaders.count == 1 && simulation.violations.isEmpty)
    #expect(simulation.record?.transitions == 0)
    // A renewal every two seconds, and no more.
    #expect((140...152).contains(simulation.version))
  }

  @Test("who is killed is replaced after the lease, not before")
  func killed() throws {
    var simulation = Self.simulation(2)
    simulation.run(until: .seconds(60))
    let first = try #require(simulation.leader)
    let killed = simulation.now
    simulation.kill(first)
    simulation.run(until: .seconds(120)) { $0.leader != nil }
    let wait = simulation.now - killed
    #expect(wait > .seconds(12) && wait < .seconds(20), "\(wait)")
    #expect(simulation.record?.transitions == 1)
  }

  @Test("who gives the lock back is replaced at the next look")
  func released() throws {
    var simulation = Self.simulation(2)
    simulation.run(until: .seconds(60))
    let first = try #require(simulation.leader)
    simulation.tell(first, .yield)
    #expect(simulation.leader == nil)
    let began = simulation.now
    simulation.run(until: .seconds(120)) { $0.leader != nil }
    #expect(simulation.now - began < .seconds(4))
    #expect(simulation.leader != first && simulation.candidates[first].isAtRest)
  }

  @Test("who cannot renew stops leading by itself after ten seconds")
  func partitioned() throws {
    var simulation = Self.simulation(1)
    simulation.run(until: .seconds(30))
    #expect(simulation.leader == 0)
    simulation.faults.losses = 100
    simulation.run(until: .seconds(60)) { $0.leader == nil }
    #expect(simulation.now <= .seconds(30) + .seconds(10))
    simulation.faults.losses = 0
    simulation.run(until: .seconds(90)) { $0.leader != nil }
    #expect(simulation.leader == 0)
  }

  @Test(
    "never do two lead at a time, whatever the network does", arguments: Array(1...20) as [UInt64])
  func faults(seed: UInt64) throws {
    var simulation = Self.simulation(3, seed: seed)
    var numbers = SeededNumbers(state: seed &* 7919)
    for _ in 0..<40 {
      simulation.faults.losses = [0, 20, 60, 100].randomElement(using: &numbers) ?? 0
      let delays: [Duration] = [.milliseconds(20), .seconds(1), .seconds(4), .seconds(9)]
      simulation.faults.delay = delays.randomElement(using: &numbers) ?? .zero
      if Int.random(in: 0..<3, using: &numbers) == 0 {
        simulation.kill(Int.random(in: 0..<3, using: &numbers))
      }
      simulation.run(until: simulation.now + .seconds(.random(in: 1..<40, using: &numbers)))
    }
    #expect(simulation.violations.isEmpty, "seed \(seed)")
    // Once the network is well somebody leads.
    simulation.faults = .init()
    simulation.run(until: simulation.now + .seconds(90)) { $0.leader != nil }
    #expect(simulation.leader != nil, "seed \(seed)")
  }

  @Test("an answer that comes after the renew deadline of its request proves nothing")
  func lateAnswer() {
    var candidate = Candidate(identity: "a")
    _ = candidate.take(.pursue(predecessor: ""), at: .zero, chance: 0)
    let actions = candidate.take(.found(1, nil, version: ""), at: .seconds(1), chance: 0)
    #expect(actions == [.write(2, LockRecord(holder: "a"), version: "")])
    let late = candidate.take(.written(2, version: "5"), at: .seconds(11), chance: 0)
    #expect(late.isEmpty && candidate.leadsUntil == nil)
  }

  @Test("the default revision takes the lock from another, and no other revision does")
  func revisions() {
    for (own, chosen, takes) in [
      ("default", "default", true), ("default", "", false), ("blue", "default", false),
    ] {
      var candidate = Candidate(identity: "a", key: own)
      _ = candidate.take(.pursue(predecessor: ""), at: .zero, chance: 0)
      _ = candidate.take(.defaultRevision(chosen), at: .zero, chance: 0)
      let held = LockRecord(holder: "istiod-1", key: "green", duration: .seconds(30))
      let actions = candidate.take(.found(1, held, version: "3"), at: .zero, chance: 0)
      #expect(!actions.isEmpty == takes, "\(own) \(chosen)")
    }
  }

  @Test("who runs beside the lock takes it from one of its revision from elsewhere, and not back")
  func remoteHolders() {
    for (own, holder, takes) in [
      ("default", "^default", true), ("^default", "default", false), ("default", "default", false),
      ("default", "^green", false),
    ] {
      var candidate = Candidate(identity: "a", key: own)
      _ = candidate.take(.pursue(predecessor: ""), at: .zero, chance: 0)
      let held = LockRecord(holder: "istiod-1", key: holder, duration: .seconds(30))
      let actions = candidate.take(.found(1, held, version: "3"), at: .zero, chance: 0)
      #expect(!actions.isEmpty == takes, "\(own) \(holder)")
    }
  }

  @Test("what a holder of a longer lease holds is left to it for that long")
  func longerLease() {
    var candidate = Candidate(identity: "a")
    let held = LockRecord(holder: "istiod-1", duration: .seconds(30))
    _ = candidate.take(.pursue(predecessor: ""), at: .zero, chance: 0)
    #expect(candidate.take(.found(1, held, version: "3"), at: .zero, chance: 0).isEmpty)
    #expect(candidate.take(.tick, at: .seconds(16), chance: 0) == [.read(3)])
    #expect(candidate.take(.found(3, held, version: "3"), at: .seconds(16), chance: 0).isEmpty)
    #expect(candidate.take(.tick, at: .seconds(31), chance: 0) == [.read(5)])
    let actions = candidate.take(.found(5, held, version: "3"), at: .seconds(31), chance: 0)
    #expect(actions == [.write(6, LockRecord(holder: "a", transitions: 1), version: "3")])
  }

  @Test("a holder that is known to have given up is not waited for")
  func predecessor() {
    var candidate = Candidate(identity: "b")
    _ = candidate.take(.pursue(predecessor: "a"), at: .zero, chance: 0)
    let held = LockRecord(holder: "a", duration: .seconds(30))
    let actions = candidate.take(.found(1, held, version: "3"), at: .zero, chance: 0)
    #expect(actions == [.write(2, LockRecord(holder: "b", transitions: 1), version: "3")])
  }

  @Test("a claim that is under way when the lock is no longer wanted is given back")
  func yieldWhileWriting() {
    var candidate = Candidate(identity: "a")
    _ = candidate.take(.pursue(predecessor: ""), at: .zero, chance: 0)
    _ = candidate.take(.found(1, nil, version: ""), at: .zero, chance: 0)
    #expect(candidate.take(.yield, at: .zero, chance: 0).isEmpty && !candidate.isAtRest)
    let actions = candidate.take(.written(2, version: "1"), at: .zero, chance: 0)
    guard case .write(_, let record, "1")? = actions.first else {
      Issue.record("\(actions)")
      return
    }
    #expect(record.holder.isEmpty)
    #expect(candidate.take(.written(3, version: "2"), at: .zero, chance: 0).isEmpty)
    #expect(candidate.isAtRest)
  }
}
