// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import ConfigTranslation

/// What is remembered, and for how long.
@Suite struct MemoTests {
  private final class Thing: Sendable {}

  @Test func `an object is remembered for as long as somebody has it`() {
    let memo = WeakMemo<Int, Thing>()
    var held: Thing? = memo.value(1) { Thing() }
    #expect(memo.value(1) { Thing() } === held)
    held = nil
    #expect(memo.known(1) == nil)
    var made = 0
    held = memo.value(1) {
      made += 1
      return Thing()
    }
    #expect(made == 1)
  }

  @Test func `of many objects that are gone nothing stays`() {
    let memo = WeakMemo<Int, Thing>()
    let held = (0..<100).map { key in memo.value(key) { Thing() } }
    for key in 100..<10_000 { _ = memo.value(key) { Thing() } }
    for (key, thing) in held.enumerated() { #expect(memo.known(key) === thing) }
    #expect(memo.keyCount <= 400)
  }

  @Test func `of a subject the latest results are kept`() {
    let memo = RecentMemo<String, Int, String>(limit: 10)
    var made: [Int] = []
    let ask = { (key: Int) in
      memo.value("subject", key) {
        made.append(key)
        return "value \(key)"
      }
    }
    for key in [1, 2, 1, 2] { #expect(ask(key) == "value \(key)") }
    #expect(made == [1, 2])
    for key in 3...20 { _ = ask(key) }
    #expect(ask(20) == "value 20")
    #expect(made.count == 20)
    #expect(ask(1) == "value 1")
    #expect(made.count == 21)
  }
}
