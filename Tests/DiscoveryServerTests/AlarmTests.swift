// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@testable import DiscoveryServer

/// One sleeper wakes whoever waits for a time.
@Suite struct AlarmTests {
  /// Runs a test while alarms are rung.
  private func ringing(_ body: @Sendable (Alarms) async -> Void) async {
    let alarms = Alarms()
    await withTaskGroup { group in
      group.addTask { await alarms.run() }
      await body(alarms)
      group.cancelAll()
    }
  }

  /// Waits as a stream does: what wakes it may be for somebody else.
  private func wait(_ mailbox: Mailbox, until time: ContinuousClock.Instant) async {
    while .now < time { await mailbox.wait(until: time) }
  }

  @Test(.timeLimit(.minutes(1)))
  func `the earlier time rings first, whichever was set first`() async {
    await ringing { alarms in
      let (late, early) = (Mailbox(alarms), Mailbox(alarms))
      let start = ContinuousClock.now
      async let first: Void = wait(late, until: start + .milliseconds(60))
      async let second: Void = wait(early, until: start + .milliseconds(20))
      await second
      #expect(.now >= start + .milliseconds(20))
      await first
      #expect(.now >= start + .milliseconds(60))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a mailbox waits for a near time while a far one is set`() async {
    await ringing { alarms in
      let mailbox = Mailbox(alarms)
      alarms.set(.now + .seconds(3600), for: mailbox)
      await wait(mailbox, until: .now + .milliseconds(20))
      await wait(mailbox, until: .now + .milliseconds(20))
      #expect(mailbox.contents.isEmpty)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `who waits for an hour is woken by a cancellation`() async {
    await ringing { alarms in
      let mailbox = Mailbox(alarms)
      await withTaskGroup { group in
        group.addTask { await mailbox.wait(until: .now + .seconds(3600)) }
        group.cancelAll()
      }
    }
  }

  @Test func `a heap gives its least element first`() {
    var heap = Heap<Int> { $0 < $1 }
    let numbers = (0..<200).map { ($0 * 7919) % 211 }
    for number in numbers { heap.push(number) }
    var taken: [Int] = []
    while let number = heap.pop() { taken.append(number) }
    #expect(taken == numbers.sorted())
    #expect(heap.first == nil)
  }
}
