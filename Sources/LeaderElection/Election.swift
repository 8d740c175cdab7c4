// SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import Synchronization

/// One who wants a row of locks, each only while it holds those before: the shell around its
/// candidates.
///
/// With the Lease replicas of Navarch agree among themselves. The lock of Istio behind it is held so
/// that no istiod writes too; it is taken at once from a replica whose Lease has run out.
public final class Election: Sendable {
  /// What happened, for operators.
  public enum Report: Hashable, Sendable {
    /// All locks are held.
    case leads
    /// One of them is no longer, and why.
    case follows(String)
    /// A lock cannot be asked or written, and why.
    case failing(lock: String, reason: String)
  }

  /// Whether this process leads.
  public let leadership: Leadership
  private let locks: [any Lock]
  private let identity: String
  private let key: String
  private let timing: ElectionTiming
  private let defaultRevision: @Sendable () async -> String
  private let isEnding = Atomic(false)

  /// A candidate for `locks` that does not run yet.
  ///
  /// - Parameters:
  ///   - identity: A name that no other candidate ever has.
  ///   - key: The revision of this control plane.
  ///   - defaultRevision: The revision that outranks others, asked where one holds a lock.
  public init(
    _ locks: [any Lock], identity: String, key: String, timing: ElectionTiming = .init(),
    defaultRevision: @escaping @Sendable () async -> String
  ) {
    self.locks = locks
    self.identity = identity
    self.key = key
    self.timing = timing
    self.defaultRevision = defaultRevision
    leadership = Leadership(locks: locks.count)
  }

  /// Runs until `shutdown` ends, then gives all locks back, the last first.
  public func run(
    until shutdown: AsyncStream<Void>, report: @escaping @Sendable (Report) -> Void
  ) async {
    guard !locks.isEmpty else {
      report(.leads)
      for await _ in shutdown {}
      return
    }
    let inputs = locks.map { _ in AsyncStream.makeStream(of: Candidate.Input.self) }
    let start = ContinuousClock.now
    await withDiscardingTaskGroup { group in
      for index in locks.indices {
        let next = inputs.dropFirst(index + 1).first?.continuation
        let previous = index > 0 ? inputs[index - 1].continuation : nil
        group.addTask {
          await self.candidate(
            index, start, inputs[index], next: next, previous: previous, report: report)
        }
      }
      inputs[0].continuation.yield(.pursue(predecessor: ""))
      for await _ in shutdown {}
      // Each passes it on to the one before it once it has given its own lock back.
      isEnding.store(true, ordering: .releasing)
      inputs[locks.count - 1].continuation.yield(.yield)
    }
  }

  private typealias Inputs = (
    stream: AsyncStream<Candidate.Input>, continuation: AsyncStream<Candidate.Input>.Continuation
  )

  /// Runs one candidate until its inputs end.
  private func candidate(
    _ index: Int, _ start: ContinuousClock.Instant, _ inputs: Inputs,
    next: AsyncStream<Candidate.Input>.Continuation?,
    previous: AsyncStream<Candidate.Input>.Continuation?,
    report: @escaping @Sendable (Report) -> Void
  ) async {
    let lock = locks[index]
    var machine = Candidate(identity: identity, key: key, timing: timing)
    await withDiscardingTaskGroup { group in
      var timer: Duration?
      for await input in inputs.stream {
        if case .failed(_, let reason) = input {
          report(.failing(lock: lock.description, reason: reason))
        }
        let now = ContinuousClock.now - start
        let actions = machine.take(input, at: now, chance: .random(in: 0..<1))
        leadership.set(machine.leadsUntil.map { start + $0 }, of: index)
        for action in actions {
          switch action {
          case .leads(let predecessor):
            if let next {
              next.yield(.pursue(predecessor: predecessor))
            } else {
              report(.leads)
            }
          case .follows(let reason):
            if let next { next.yield(.yield) } else { report(.follows(reason)) }
          case .read, .write:
            group.addTask {
              for answer in await self.ask(lock, action) { inputs.continuation.yield(answer) }
            }
          }
        }
        if isEnding.load(ordering: .acquiring), machine.isAtRest { break }
        if let set = timer, set <= now { timer = nil }
        if let deadline = machine.deadline, timer.map({ deadline < $0 }) ?? true {
          timer = deadline
          group.addTask {
            try? await ContinuousClock().sleep(until: start + deadline)
            inputs.continuation.yield(.tick)
          }
        }
      }
      leadership.set(nil, of: index)
      group.cancelAll()
    }
    previous?.yield(.yield)
  }

  /// What comes of a request.
  private func ask(_ lock: any Lock, _ action: Candidate.Action) async -> [Candidate.Input] {
    let deadline = ContinuousClock.now + min(timing.renewDeadline / 2, .seconds(5))
    switch action {
    case .read(let number):
      do throws(KubernetesRequestError) {
        let (record, version) = try await lock.read(by: deadline)
        var inputs: [Candidate.Input] = []
        if let record, !record.holder.isEmpty, !key.isEmpty, record.key != key {
          inputs.append(.defaultRevision(await defaultRevision()))
        }
        return inputs + [.found(number, record, version: version)]
      } catch {
        return [.failed(number, error.description)]
      }
    case .write(let number, let record, let version):
      do throws(KubernetesRequestError) {
        return [
          .written(number, version: try await lock.write(record, over: version, by: deadline))
        ]
      } catch {
        let isOutrun =
          error.isConflict || error.isAlreadyExists || error.isNotFound && !version.isEmpty
        return [isOutrun ? .outrun(number) : .failed(number, error.description)]
      }
    case .leads, .follows: return []
    }
  }
}
