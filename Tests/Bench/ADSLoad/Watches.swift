// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Changes of resources that were announced, and when all proxies had acknowledged each.
final class Watches: Sendable {
  /// Those of this process.
  static let all = Watches()

  private struct Watch {
    var since: ContinuousClock.Instant
    var answers = 0
    var last: Duration = .zero
  }

  private struct State {
    var watches: [Watch] = []
    /// The watch of a name that is being waited for, the newest one.
    var open: [Int32: Int] = [:]
  }

  private let state = Mutex(State())
  private let hasAny = Atomic(false)

  /// Begins to wait for every proxy to acknowledge another version of a name, from now on.
  func begin(_ name: String) {
    let number = Names.all.number(name)
    state.withLock { state in
      state.open[number] = state.watches.count
      state.watches.append(Watch(since: .now))
    }
    hasAny.store(true, ordering: .relaxed)
  }

  /// Forgets all.
  func clear() {
    hasAny.store(false, ordering: .relaxed)
    state.withLock { $0 = State() }
  }

  /// Whether anything is waited for.
  var isActive: Bool { hasAny.load(ordering: .relaxed) }

  /// A proxy has acknowledged other versions of names.
  func answered(_ names: [Int32]) {
    let now = ContinuousClock.now
    state.withLock { state in
      for index in names.compactMap({ state.open[$0] }) {
        state.watches[index].answers += 1
        state.watches[index].last = now - state.watches[index].since
      }
    }
  }

  /// How many there are, and how long it took until `proxies` had acknowledged one.
  func times(proxies: Int) -> (count: Int, complete: [Duration]) {
    state.withLock { state in
      (state.watches.count, state.watches.filter { $0.answers >= proxies }.map(\.last))
    }
  }
}
