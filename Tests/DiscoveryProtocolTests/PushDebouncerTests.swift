// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import Testing

@Suite struct PushDebouncerTests {
  private func at(_ milliseconds: Int) -> Duration { .milliseconds(milliseconds) }

  @Test func configurationWaitsForAShortQuietWhenIdle() {
    var debouncer = PushDebouncer()
    #expect(debouncer.note(.everything, at: at(0)) == [])
    #expect(debouncer.nextDeadline == at(10))
    #expect(debouncer.note(.everything, at: at(6)) == [])
    #expect(debouncer.tick(at: at(10)) == [])
    let pushes = debouncer.tick(at: at(16))
    #expect(pushes == [.init(scope: .everything, origin: at(0), changes: 2)])
    #expect(debouncer.nextDeadline == nil)
  }

  @Test func configurationWaitsLongerWhenBusyAndNeverDuringAPush() {
    var debouncer = PushDebouncer()
    _ = debouncer.note(.everything, at: at(0))
    _ = debouncer.tick(at: at(10))
    #expect(debouncer.note(.everything, at: at(20)) == [])
    #expect(debouncer.tick(at: at(500)) == [])
    #expect(debouncer.finished(at: at(600)).map(\.origin) == [at(20)])
    _ = debouncer.finished(at: at(605))
    #expect(debouncer.note(.everything, at: at(610)) == [])
    #expect(debouncer.nextDeadline == at(710))
  }

  @Test func aBurstIsPushedAtTheMaximumAtLast() {
    var debouncer = PushDebouncer(
      windows: .init(idleQuiet: at(10), quiet: at(100), maximum: at(50)))
    var pushed: [Int] = []
    for time in stride(from: 0, to: 60, by: 5) {
      if !debouncer.tick(at: at(time)).isEmpty { pushed.append(time) }
      _ = debouncer.note(.everything, at: at(time))
    }
    #expect(pushed == [50])
  }

  @Test func removedEndpointsNeverWait() {
    var debouncer = PushDebouncer()
    let removed = PushScope.endpoints(["a"], removed: true)
    #expect(debouncer.note(removed, at: at(0)).map(\.scope) == [removed])
    #expect(debouncer.note(removed, at: at(1)).map(\.scope) == [removed])
    let mixed = PushScope(configuration: true, endpoints: ["a"], removesEndpoints: true)
    #expect(debouncer.note(mixed, at: at(2)).map(\.scope) == [mixed.ofEndpoints])
    #expect(mixed.ofEndpoints.isAhead)
    _ = debouncer.finished(at: at(3))
    _ = debouncer.finished(at: at(3))
    #expect(debouncer.finished(at: at(300)).map(\.scope.configuration) == [true])
  }

  @Test func endpointsNeverWaitForAPush() {
    var debouncer = PushDebouncer()
    #expect(debouncer.note(.endpoints(["a"]), at: at(0)).map(\.scope) == [.endpoints(["a"])])
    #expect(debouncer.note(.endpoints(["b"]), at: at(1)).map(\.scope) == [.endpoints(["b"])])
    _ = debouncer.finished(at: at(1))
    _ = debouncer.finished(at: at(1))
    #expect(debouncer.note(.everything, at: at(2)) == [])
    #expect(debouncer.tick(at: at(12)).map(\.scope) == [.everything])
    let during = debouncer.note(.endpoints(["c"]), at: at(13))
    #expect(during == [.init(scope: .endpoints(["c"]), origin: at(13), changes: 1)])
  }

  @Test func endpointsOvertakeConfigurationThatWaitsAndSayIt() {
    var debouncer = PushDebouncer()
    #expect(debouncer.note(.everything, at: at(0)) == [])
    let ahead = debouncer.note(.endpoints(["a"]), at: at(1))
    #expect(ahead.map(\.scope.endpoints) == [["a"]] && ahead.map(\.scope.isAhead) == [true])
    #expect(debouncer.nextDeadline == nil, "a push is being made")
    #expect(debouncer.finished(at: at(1)) == [] && debouncer.nextDeadline == at(10))
    let later = debouncer.tick(at: at(10))
    #expect(later == [.init(scope: .everything, origin: at(0), changes: 1)])
  }

  @Test func aWorkloadIsToldOfItselfWithItsEndpoints() {
    var debouncer = PushDebouncer()
    let scope = PushScope(configuration: false, endpoints: ["a"], workloads: ["10.0.0.1"])
    let pushed = debouncer.note(scope, at: at(0)).map(\.scope)
    #expect(pushed == [scope])
    #expect(pushed[0].seen(from: ["10.0.0.9", "10.0.0.1"]).configuration)
    #expect(!pushed[0].seen(from: ["10.0.0.2"]).configuration)
    let other = PushScope(configuration: false, workloads: ["10.0.0.2"])
    #expect(debouncer.note(other, at: at(1)).map(\.scope) == [other])
  }

  @Test func nothingChangedIsNoPush() {
    var debouncer = PushDebouncer()
    #expect(debouncer.note(.endpoints([]), at: at(0)) == [])
    #expect(debouncer.finished(at: at(1)) == [] && debouncer.nextDeadline == nil)
  }
}
