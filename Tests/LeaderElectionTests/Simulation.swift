// SPDX-License-Identifier: Apache-2.0

@testable import LeaderElection

/// A generator whose numbers a seed decides (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// Several candidates, one object, and a network that loses, holds up and reorders messages.
struct Simulation {
  enum Event {
    case input(Candidate.Input)
    /// A request reaches the server; the answer may be lost.
    case request(Candidate.Action, answers: Bool)
  }

  struct Faults {
    /// How many of a hundred messages are lost.
    var losses = 0
    /// The longest way of a message.
    var delay = Duration.milliseconds(50)
  }

  private struct Due {
    var time: Duration
    var order: Int
    var candidate: Int
    var life: Int
    var event: Event
  }

  var candidates: [Candidate]
  var faults = Faults()
  private(set) var now = Duration.zero
  private(set) var record: LockRecord?
  private(set) var version = 0
  /// Who wrote while leading, in order.
  private(set) var leaders: [Int] = []
  private(set) var violations: [String] = []
  private var lives: [Int]
  private var timers: [Duration?]
  private var queue: [Due] = []
  private var order = 0
  private var numbers: SeededNumbers

  init(_ count: Int, seed: UInt64) {
    candidates = (0..<count).map { Candidate(identity: "c\($0)") }
    lives = Array(repeating: 0, count: count)
    timers = Array(repeating: nil, count: count)
    numbers = SeededNumbers(state: seed)
  }

  private mutating func push(_ candidate: Int, after wait: Duration, _ event: Event) {
    order += 1
    let due = Due(
      time: now + wait, order: order, candidate: candidate, life: lives[candidate], event: event)
    queue.append(due)
  }

  private mutating func way() -> Duration {
    faults.delay * Double.random(in: 0..<1, using: &numbers)
  }

  /// Tells a candidate something now.
  mutating func tell(_ candidate: Int, _ input: Candidate.Input) {
    take(candidate, input)
  }

  /// A process ends without a word; another of a new name takes its place.
  mutating func kill(_ index: Int) {
    lives[index] += 1
    timers[index] = nil
    candidates[index] = Candidate(identity: "c\(index).\(lives[index])")
    take(index, .pursue(predecessor: ""))
  }

  private mutating func take(_ index: Int, _ input: Candidate.Input) {
    if let timer = timers[index], timer <= now { timers[index] = nil }
    let chance = Double.random(in: 0..<1, using: &numbers)
    for action in candidates[index].take(input, at: now, chance: chance) {
      switch action {
      case .leads: leaders.append(index)
      case .follows: break
      case .read(let number), .write(let number, _, _):
        let isLost = Int.random(in: 0..<100, using: &numbers) < faults.losses
        let answers = Int.random(in: 0..<100, using: &numbers) >= faults.losses
        if !isLost { push(index, after: way(), .request(action, answers: answers)) }
        // The shell gives up after half of the renew deadline.
        push(index, after: .seconds(5), .input(.failed(number, "no answer")))
      }
    }
    if let deadline = candidates[index].deadline, timers[index].map({ deadline < $0 }) ?? true {
      timers[index] = deadline
      push(index, after: max(.zero, deadline - now), .input(.tick))
    }
    check()
  }

  private mutating func check() {
    let leading = candidates.indices.filter { candidates[$0].leadsUntil.map { $0 > now } ?? false }
    if leading.count > 1 { violations.append("\(now): \(leading) lead") }
  }

  /// Runs until a time, or until something holds.
  mutating func run(until end: Duration, _ holds: (Simulation) -> Bool = { _ in false }) {
    while let next = queue.indices.min(by: {
      (queue[$0].time, queue[$0].order) < (queue[$1].time, queue[$1].order)
    }), queue[next].time <= end {
      let due = queue.remove(at: next)
      now = due.time
      check()
      switch due.event {
      case .request(let action, let answers): serve(action, of: due, answers)
      case .input(let input):
        if due.life == lives[due.candidate] { take(due.candidate, input) }
      }
      if holds(self) { return }
    }
    now = end
  }

  /// What the server does with a request, also with one of a process that is gone.
  private mutating func serve(_ action: Candidate.Action, of due: Due, _ answers: Bool) {
    var answer: Candidate.Input
    switch action {
    case .read(let number):
      answer = .found(number, record, version: version == 0 ? "" : "\(version)")
    case .write(let number, let new, let over):
      if over == (version == 0 ? "" : "\(version)") {
        version += 1
        record = new
        record?.renewed = "\(version)"
        answer = .written(number, version: "\(version)")
      } else {
        answer = .outrun(number)
      }
    case .leads, .follows: return
    }
    if answers, due.life == lives[due.candidate] {
      push(due.candidate, after: way(), .input(answer))
    }
  }

  /// The one who leads now.
  var leader: Int? { candidates.firstIndex { $0.leadsUntil.map { $0 > now } ?? false } }
}
