// SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
public import LeaderElection
public import Logging
public import Metrics
internal import Synchronization

/// Figures of what is written.
public struct WriterMetrics: Sendable {
  let writes: Counter
  let leads: Gauge

  /// Figures in a registry.
  public init(_ registry: MetricsRegistry) {
    writes = registry.counter(
      "navarch_cluster_writes_total",
      help: "Writes to the API server by writer and result (written, unchanged, failed).",
      labels: ["writer", "result"])
    leads = registry.gauge(
      "navarch_leader", help: "Whether this replica leads, by writer.", labels: ["writer"])
  }
}

/// Runs a writer while its election says that it leads.
public struct WriterRunner: Sendable {
  private let writer: any ClusterWriter
  private let election: Election
  private let electionName: String
  private let metrics: WriterMetrics
  private let log: Logger

  /// How many writes are under way at a time.
  private static let width = 8

  /// A writer, and the election that decides who of several writes.
  public init(
    _ writer: any ClusterWriter, election: Election, named name: String, metrics: WriterMetrics,
    log: Logger
  ) {
    self.writer = writer
    self.election = election
    electionName = name
    self.metrics = metrics
    self.log = log
  }

  /// Runs until `shutdown` ends; then the election is given up, and nothing more is written.
  public func run(until shutdown: AsyncStream<Void>) async {
    let (pokes, sender) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    metrics.leads.set(0, [writer.name])
    let said = SaidOnce()
    await withDiscardingTaskGroup { group in
      group.addTask { await writer.follow { sender.yield() } }
      group.addTask { await work(pokes, sender) }
      await election.run(until: shutdown) { report in
        if said.isNew(report) { tell(report) }
        sender.yield()
      }
      group.cancelAll()
    }
  }

  private func tell(_ report: Election.Report) {
    switch report {
    case .leads:
      log.info("leader election lock obtained: \(electionName)")
      metrics.leads.set(1, [writer.name])
    case .follows(let reason):
      log.info("leader election lock lost: \(electionName): \(reason)")
      metrics.leads.set(0, [writer.name])
    case .failing(let lock, let reason):
      log.warn("the lock \(lock) cannot be asked for or kept: \(reason)")
    }
  }

  private func work(_ pokes: AsyncStream<Void>, _ sender: AsyncStream<Void>.Continuation) async {
    let start = ContinuousClock.now
    var retries = WriteRetries()
    await withDiscardingTaskGroup { group in
      for await _ in pokes where election.leadership.isHeld {
        let all = writer.due()
        retries.keep(Set(all))
        let now = ContinuousClock.now - start
        let results = await write(all.filter { retries.isDue($0, at: now) })
        for (name, isWritten) in results {
          if isWritten {
            retries.succeeded(name)
          } else {
            let moment = ContinuousClock.now - start
            retries.failed(name, at: moment, chance: .random(in: 0..<1))
          }
        }
        guard let deadline = retries.deadline else { continue }
        group.addTask {
          try? await ContinuousClock().sleep(until: start + deadline)
          sender.yield()
        }
      }
      group.cancelAll()
    }
  }

  /// Writes some at a time; whether each went well.
  private func write(_ names: [String]) async -> [(name: String, isWritten: Bool)] {
    await withTaskGroup(of: (name: String, isWritten: Bool).self) { group in
      var results: [(name: String, isWritten: Bool)] = []
      for (index, name) in names.enumerated() {
        if index >= WriterRunner.width, let result = await group.next() { results.append(result) }
        group.addTask { (name, await write(name)) }
      }
      for await result in group { results.append(result) }
      return results
    }
  }

  private func write(_ name: String) async -> Bool {
    // Asked anew for each: what was led at the beginning of a long row may be lost at its end.
    guard let end = election.leadership.end else { return false }
    do throws(KubernetesRequestError) {
      let isNew = try await writer.write(
        name, by: min(end, .now + KubernetesClient.patience))
      metrics.writes.increment([writer.name, isNew ? "written" : "unchanged"])
      if isNew { log.debug("\(writer.name): \(name) is written") }
      return true
    } catch {
      metrics.writes.increment([writer.name, "failed"])
      log.warn("\(writer.name): \(name) cannot be written: \(error)")
      return false
    }
  }
}

/// Remembers what was said of an election, so that a lock that stays out of reach is no line every other second.
final class SaidOnce: Sendable {
  private let failures = Mutex<[String: String]>([:])

  /// Whether a report says something new; what was said of failures is forgotten once somebody leads.
  func isNew(_ report: Election.Report) -> Bool {
    failures.withLock { failures in
      guard case .failing(let lock, let reason) = report else {
        failures = [:]
        return true
      }
      return failures.updateValue(reason, forKey: lock) != reason
    }
  }
}
