// SPDX-License-Identifier: Apache-2.0

import NameResolution
import Testing

/// When names are asked for, and what stays of answers.
struct NameCacheTests {
  private func answer(_ addresses: [String]?, seconds: Int? = 60) -> NameAnswer {
    NameAnswer(addresses: addresses, lifetime: seconds.map { .seconds($0) })
  }

  @Test func `a new name is asked for once`() {
    var cache = NameCache()
    let outcome1 = cache.follow(["b", "a"])
    #expect(outcome1 == ["a", "b"])
    let outcome2 = cache.follow(["b", "a"])
    #expect(outcome2.isEmpty)
    #expect(cache.isWaiting)
    #expect(cache.nextDeadline == nil)
  }

  @Test func `an answer holds for the lifetime of its records`() {
    var cache = NameCache()
    _ = cache.follow(["a"])
    let outcome1 = cache.take(answer(["192.0.2.1"]), for: "a", at: .seconds(10))
    #expect(outcome1)
    #expect(cache.nextDeadline == .seconds(70))
    let outcome2 = cache.expired(at: .seconds(69))
    #expect(outcome2.isEmpty)
    let outcome3 = cache.expired(at: .seconds(70))
    #expect(outcome3 == ["a"])
    let outcome4 = cache.expired(at: .seconds(71))
    #expect(outcome4.isEmpty, "the question is on its way")
  }

  @Test(arguments: [(1, 30), (30, 30), (7200, 3600)])
  func `a lifetime stays within bounds`(written: Int, held: Int) {
    var cache = NameCache()
    _ = cache.follow(["a"])
    _ = cache.take(answer([], seconds: written), for: "a", at: .zero)
    #expect(cache.nextDeadline == .seconds(held))
  }

  @Test func `an answer without records holds for the shortest time`() {
    var cache = NameCache()
    _ = cache.follow(["a"])
    let outcome1 = cache.take(answer([], seconds: nil), for: "a", at: .zero)
    #expect(!outcome1)
    #expect(cache.nextDeadline == .seconds(30))
  }

  @Test func `a failure keeps the addresses and asks again soon`() {
    var cache = NameCache()
    _ = cache.follow(["a"])
    _ = cache.take(answer(["192.0.2.1"]), for: "a", at: .zero)
    _ = cache.expired(at: .seconds(60))
    let outcome1 = cache.take(answer(nil, seconds: nil), for: "a", at: .seconds(65))
    #expect(!outcome1)
    #expect(cache.addresses == ["a": ["192.0.2.1"]])
    #expect(cache.nextDeadline == .seconds(95))
  }

  @Test func `a name that is gone from DNS has no addresses`() {
    var cache = NameCache()
    _ = cache.follow(["a"])
    _ = cache.take(answer(["192.0.2.1"]), for: "a", at: .zero)
    let outcome1 = cache.take(answer([]), for: "a", at: .seconds(60))
    #expect(outcome1)
    #expect(cache.addresses == ["a": []])
  }

  @Test func `equal addresses are no change`() {
    var cache = NameCache()
    _ = cache.follow(["a"])
    _ = cache.take(answer(["192.0.2.1"]), for: "a", at: .zero)
    let outcome1 = cache.take(answer(["192.0.2.1"]), for: "a", at: .seconds(60))
    #expect(!outcome1)
  }

  @Test func `a name that nobody follows any more is forgotten`() {
    var cache = NameCache()
    _ = cache.follow(["a"])
    _ = cache.follow([])
    let outcome1 = cache.take(answer(["192.0.2.1"]), for: "a", at: .zero)
    #expect(!outcome1)
    #expect(cache.addresses.isEmpty)
    #expect(!cache.isWaiting)
  }

  @Test func `one family that fails takes nothing from the other`() {
    let both = NameAnswer(answer(nil, seconds: nil), answer(["2001:db8::1"], seconds: 90))
    #expect(both == answer(["2001:db8::1"], seconds: 90))
    #expect(NameAnswer(answer(nil, seconds: nil), answer(nil, seconds: nil)).addresses == nil)
    let shorter = NameAnswer(
      answer(["192.0.2.9"], seconds: 40), answer(["192.0.2.10"], seconds: 90))
    #expect(shorter == answer(["192.0.2.10", "192.0.2.9"], seconds: 40))
  }
}
