// SPDX-License-Identifier: Apache-2.0

public import Logging

/// Services that live and end together.
///
/// They start in order, each after the one before it is prepared. A signal, a failure or a
/// cancellation asks them to stop in reverse order, one after the other. Who has not ended when
/// the time is over is cancelled and left behind, so that a stuck service cannot keep the
/// process; a second signal does the same at once.
public struct ServiceGroup: Sendable {
  private let members: [(name: String, service: any Service)]
  private let shutdownDuration: Duration
  private let signals: AsyncStream<ProcessSignal>
  private let clock: any Clock<Duration>
  private let logger: Logger

  /// A group of `members` that stops on the first of `signals`, within `shutdownDuration`.
  public init(
    _ members: [(name: String, service: any Service)], shutdownDuration: Duration,
    signals: AsyncStream<ProcessSignal>, clock: any Clock<Duration> = ContinuousClock(),
    logger: Logger
  ) {
    self.members = members
    self.shutdownDuration = shutdownDuration
    self.signals = signals
    self.clock = clock
    self.logger = logger
  }

  /// Runs the services until all have ended; throws the first failure, or who did not end.
  public func run() async throws {
    let (events, sender) = AsyncStream.makeStream(of: ServiceGroupMachine.Event.self)
    let failure = await withTaskCancellationHandler {
      // The loop outlives the cancellation of this task, which is an event as others are.
      await Task { await drive(events, sender) }.value
    } onCancel: {
      sender.yield(.cancelled)
    }
    if let failure { throw failure }
  }

  /// Feeds events to the machine and does what it says, until it says that all is over.
  ///
  /// The tasks are unstructured because a task group would wait for a service that is stuck;
  /// all of them are cancelled when this returns.
  private func drive(
    _ events: AsyncStream<ServiceGroupMachine.Event>,
    _ sender: AsyncStream<ServiceGroupMachine.Event>.Continuation
  ) async -> (any Error)? {
    var machine = ServiceGroupMachine(names: members.map(\.name))
    let shutdowns = members.map { _ in ShutdownSignal() }
    var watchers = [forwardSignals(to: sender)]
    var tasks: [Task<Void, Never>] = []
    var starts: [Int: Task<Void, Never>] = [:]
    defer { for task in watchers + tasks + starts.values { task.cancel() } }
    sender.yield(.begin)
    for await event in events {
      report(event)
      for action in machine.handle(event) {
        switch action {
        case .start(let index): starts[index] = start(index, sender)
        case .cancelStart(let index): starts[index]?.cancel()
        case .run(let index): tasks.append(run(index, shutdowns[index], sender))
        case .requestShutdown(let index): shutdowns[index].request()
        case .armDeadline: watchers.append(armDeadline(sender))
        case .cancelAll: for task in tasks + starts.values { task.cancel() }
        case .finish(let error): return error
        }
      }
    }
    return nil
  }

  private func forwardSignals(
    to sender: AsyncStream<ServiceGroupMachine.Event>.Continuation
  ) -> Task<Void, Never> {
    Task {
      for await signal in signals {
        logger.info("received \(signal.name), shutting down")
        sender.yield(.signal)
      }
    }
  }

  private func start(
    _ index: Int, _ sender: AsyncStream<ServiceGroupMachine.Event>.Continuation
  ) -> Task<Void, Never> {
    let service = members[index].service
    return Task {
      do {
        try await service.start()
        sender.yield(.started(index))
      } catch {
        sender.yield(.ended(index, error))
      }
    }
  }

  private func run(
    _ index: Int, _ shutdown: ShutdownSignal,
    _ sender: AsyncStream<ServiceGroupMachine.Event>.Continuation
  ) -> Task<Void, Never> {
    let service = members[index].service
    return Task {
      do {
        try await service.run(until: shutdown)
        sender.yield(.ended(index, nil))
      } catch {
        sender.yield(.ended(index, error))
      }
    }
  }

  private func armDeadline(
    _ sender: AsyncStream<ServiceGroupMachine.Event>.Continuation
  ) -> Task<Void, Never> {
    Task {
      do {
        try await clock.sleep(for: shutdownDuration)
        sender.yield(.deadline)
      } catch {
        // The group ended first.
      }
    }
  }

  private func report(_ event: ServiceGroupMachine.Event) {
    switch event {
    case .started(let index): logger.debug("service \(members[index].name) started")
    case .ended(let index, let error?):
      logger.error("service \(members[index].name) failed: \(error)")
    case .ended(let index, nil): logger.info("service \(members[index].name) ended")
    case .begin, .signal, .cancelled, .deadline: break
    }
  }
}
