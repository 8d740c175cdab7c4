// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Synchronization
import Testing

@testable import Lifecycle

/// A clock whose sleepers wake when the test says so.
final class ManualClock: Clock {
  let now = ContinuousClock.now
  let minimumResolution = Duration.zero
  private let gate = ShutdownSignal()

  func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
    await gate.wait()
    try Task.checkCancellation()
  }

  func ring() { gate.request() }
}

/// What happened, in order.
final class Journal: Sendable {
  private let stored = Mutex<[String]>([])
  func note(_ line: String) { stored.withLock { $0.append(line) } }
  var lines: [String] { stored.withLock { $0 } }
}

struct Recorded: Service {
  let name: String
  let journal: Journal
  var body: @Sendable (ShutdownSignal) async throws -> Void = { await $0.wait() }

  func start() async throws { journal.note("start \(name)") }
  func run(until shutdown: ShutdownSignal) async throws {
    try await body(shutdown)
    journal.note("end \(name)")
  }
}

@Suite struct ServiceGroupTests {
  struct Trouble: Error, Equatable {}

  let journal = Journal()
  let clock = ManualClock()
  let signals = AsyncStream.makeStream(of: ProcessSignal.self)

  func group(_ services: (name: String, service: any Service)...) throws -> ServiceGroup {
    ServiceGroup(
      services, shutdownDuration: .seconds(10), signals: signals.stream, clock: clock,
      logger: try LogSystem(sinks: []).scope())
  }

  @Test func startsInOrderAndStopsInReverse() async throws {
    let signals = signals.continuation
    try await group(
      ("a", Recorded(name: "a", journal: journal)), ("b", Recorded(name: "b", journal: journal)),
      (
        "c",
        Recorded(name: "c", journal: journal) {
          signals.yield(.terminate)
          await $0.wait()
        }
      )
    ).run()
    #expect(journal.lines == ["start a", "start b", "start c", "end c", "end b", "end a"])
  }

  @Test func failureEndsTheGroup() async throws {
    let group = try group(
      ("a", Recorded(name: "a", journal: journal)),
      ("b", Recorded(name: "b", journal: journal) { _ in throw Trouble() }))
    await #expect(throws: Trouble()) { try await group.run() }
    #expect(journal.lines == ["start a", "start b", "end a"])
  }

  @Test func failedStartStopsThoseBefore() async throws {
    struct Unstartable: Service {
      func start() async throws { throw Trouble() }
      func run(until shutdown: ShutdownSignal) async throws {}
    }
    let group = try group(
      ("a", Recorded(name: "a", journal: journal)), ("b", Unstartable()),
      ("c", Recorded(name: "c", journal: journal)))
    await #expect(throws: Trouble()) { try await group.run() }
    #expect(journal.lines == ["start a", "end a"])
  }

  @Test func signalEndsAPreparation() async throws {
    struct Waiting: Service {
      let signals: AsyncStream<ProcessSignal>.Continuation
      func start() async throws {
        signals.yield(.terminate)
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        for await _ in stream {}  // until it is cancelled
        continuation.finish()
      }
      func run(until shutdown: ShutdownSignal) async throws {}
    }
    try await group(
      ("a", Recorded(name: "a", journal: journal)),
      ("b", Waiting(signals: signals.continuation)),
      ("c", Recorded(name: "c", journal: journal))
    ).run()
    #expect(journal.lines == ["start a", "end a"])
  }

  @Test func earlyEndIsAnError() async throws {
    let group = try group(("a", ClosureService { _ in }))
    await #expect(throws: ServiceGroupError.endedEarly("a")) { try await group.run() }
  }

  @Test func stuckServiceIsNamedAndLeft() async throws {
    let (clock, signals) = (clock, signals.continuation)
    let release = ShutdownSignal()
    defer { release.request() }
    let group = try group(
      ("ok", Recorded(name: "ok", journal: journal)),
      (
        "stuck",
        ClosureService { shutdown in
          signals.yield(.terminate)
          await shutdown.wait()
          clock.ring()
          await withUnsafeContinuation { done in release.onRequest { done.resume() } }
        }
      ))
    await #expect(throws: ServiceGroupError.shutdownTimedOut(running: ["ok", "stuck"])) {
      try await group.run()
    }
  }

  @Test func secondSignalEndsAtOnce() async throws {
    let signals = signals.continuation
    let group = try group(
      (
        "slow",
        ClosureService { shutdown in
          signals.yield(.interrupt)
          await shutdown.wait()
          signals.yield(.interrupt)
          await ShutdownSignal().wait()  // until it is cancelled
        }
      ))
    await #expect(throws: ServiceGroupError.interrupted(running: ["slow"])) {
      try await group.run()
    }
  }

  @Test func cancellationStopsTheGroup() async throws {
    let running = ShutdownSignal()
    let group = try group(
      (
        "a",
        Recorded(name: "a", journal: journal) {
          running.request()
          await $0.wait()
        }
      ))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      await running.wait()
      tasks.cancelAll()
      try await tasks.waitForAll()
    }
    #expect(journal.lines == ["start a", "end a"])
  }

  @Test func groupOfNobodyEnds() async throws { try await group().run() }
}

@Suite(.serialized) struct ProcessSignalsTests {
  @Test func signalsReachTheStream() async throws {
    let signals = try #require(ProcessSignals())
    #expect(ProcessSignals() == nil)
    var iterator = signals.stream.makeAsyncIterator()
    kill(getpid(), SIGTERM)
    #expect(await iterator.next() == .terminate)
    kill(getpid(), SIGINT)
    #expect(await iterator.next() == .interrupt)
    kill(getpid(), SIGPIPE)
    withExtendedLifetime(signals) {}
  }

  @Test func streamEndsWithItsOwner() async throws {
    var stream: AsyncStream<ProcessSignal>?
    do { stream = try #require(ProcessSignals()).stream }
    for await signal in try #require(stream) { Issue.record("\(signal)") }
  }
}
