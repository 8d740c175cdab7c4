// SPDX-License-Identifier: Apache-2.0

/// What a group of services does next: starts in order, stops in reverse, without IO or clock.
struct ServiceGroupMachine {
  enum Event {
    /// The group begins.
    case begin
    /// The service's preparation succeeded.
    case started(Int)
    /// The service failed to prepare, or its run ended; with an error if it threw.
    case ended(Int, (any Error)?)
    /// SIGTERM or SIGINT.
    case signal
    /// The task that runs the group was cancelled.
    case cancelled
    /// The time for the shutdown is over.
    case deadline
  }

  enum Action {
    case start(Int)
    /// Cancels the preparation, which nobody waits for any more.
    case cancelStart(Int)
    case run(Int)
    case requestShutdown(Int)
    /// Sends `.deadline` after the shutdown duration.
    case armDeadline
    case cancelAll
    case finish((any Error)?)
  }

  private enum Status {
    /// → starting, ended
    case waiting
    /// → running, ended
    case starting
    /// → stopping, ended
    case running
    /// → ended
    case stopping
    case ended
  }

  private let names: [String]
  private var status: [Status]
  private var isStopping = false
  private var isFinished = false
  private var failure: (any Error)?

  init(names: [String]) {
    self.names = names
    status = names.map { _ in .waiting }
  }

  mutating func handle(_ event: Event) -> [Action] {
    guard !isFinished else { return [] }
    switch event {
    case .begin: return startNext()
    case .started(let index): return handleStarted(index)
    case .ended(let index, let error): return handleEnded(index, error)
    case .signal:
      return isStopping ? giveUp(.interrupted(running: namesOfRunning)) : beginStop()
    case .cancelled: return [.cancelAll] + (isStopping ? [] : beginStop())
    case .deadline: return giveUp(.shutdownTimedOut(running: namesOfRunning))
    }
  }

  private mutating func handleStarted(_ index: Int) -> [Action] {
    guard !isStopping else {
      status[index] = .ended  // prepared too late: never run
      return stopNext()
    }
    status[index] = .running
    return [.run(index)] + startNext()
  }

  private mutating func handleEnded(_ index: Int, _ error: (any Error)?) -> [Action] {
    status[index] = .ended
    if let error, failure == nil, !(isStopping && error is CancellationError) { failure = error }
    if isStopping { return stopNext() }
    failure = failure ?? ServiceGroupError.endedEarly(names[index])
    return beginStop()
  }

  private mutating func startNext() -> [Action] {
    guard let next = status.firstIndex(of: .waiting) else {
      return names.isEmpty ? finish(nil) : []
    }
    status[next] = .starting
    return [.start(next)]
  }

  private mutating func beginStop() -> [Action] {
    isStopping = true
    for index in status.indices where status[index] == .waiting { status[index] = .ended }
    let preparing = status.firstIndex(of: .starting).map { [Action.cancelStart($0)] } ?? []
    return [.armDeadline] + preparing + stopNext()
  }

  /// Asks the last one that runs to stop, unless one is still stopping.
  private mutating func stopNext() -> [Action] {
    guard let last = status.lastIndex(where: { $0 != .ended }) else { return finish(failure) }
    guard !status.contains(.stopping), !status.contains(.starting) else { return [] }
    status[last] = .stopping
    return [.requestShutdown(last)]
  }

  private mutating func giveUp(_ error: ServiceGroupError) -> [Action] {
    [.cancelAll] + finish(failure ?? error)
  }

  private mutating func finish(_ error: (any Error)?) -> [Action] {
    isFinished = true
    return [.finish(error)]
  }

  /// Who has not ended, in the order of starting.
  var namesOfRunning: [String] { zip(names, status).filter { $0.1 != .ended }.map(\.0) }
}
