// SPDX-License-Identifier: Apache-2.0

import Glibc
import GRPC
import Synchronization

/// All proxies, and what is said of them.
final class Load: Sendable {
  private let proxies: [SimulatedProxy]
  private let marked: Mutex<ContinuousClock.Instant>

  init(_ options: Options) {
    let hosts = (0..<4).map { _ in try? GRPCChannel(options.address) }
    proxies = (0..<options.proxies).map { number in
      SimulatedProxy(number, options, host: hosts[number % hosts.count])
    }
    marked = Mutex(.now)
  }

  /// Does what a command says, streams in tasks of `group`; a line of JSON.
  func obey(_ command: String, _ group: inout TaskGroup<Void>) async -> String {
    switch command {
    case "connect":
      mark()
      for proxy in proxies { group.addTask { await proxy.run() } }
      return "{}"
    case "disconnect":
      for proxy in proxies { proxy.disconnect() }
      await group.waitForAll()
      return "{}"
    case "mark":
      mark()
      return "{}"
    case let watch where watch.hasPrefix("watch "):
      Watches.all.begin(String(watch.dropFirst("watch ".count)))
      return "{}"
    case "report": return report()
    default: return "{\"error\": \"unknown command\"}"
    }
  }

  private func mark() {
    Watches.all.clear()
    for proxy in proxies { proxy.mark() }
    marked.withLock { $0 = .now }
  }

  /// Times are milliseconds since the mark; of a proxy the time of its last acknowledgement counts.
  private func report() -> String {
    let since = marked.withLock { $0 }
    let counts = proxies.map(\.counts)
    let answers = Quantiles(counts.compactMap(\.lastAnswer).map { $0 - since })
    let synced = Quantiles(counts.compactMap(\.synced).map { $0 - since })
    let sum = { (value: (SimulatedProxy.Counts) -> Int) in counts.reduce(0) { $0 + value($1) } }
    let (watched, complete) = Watches.all.times(proxies: proxies.count)
    let events = Quantiles(complete)
    let errors = counts.compactMap(\.error)
    let members = [
      ("proxies", "\(counts.count)"), ("synced", "\(sum { $0.isSynced ? 1 : 0 })"),
      ("answered", "\(answers.count)"), ("errors", "\(errors.count)"),
      ("returned", "\(sum { $0.returns > 0 ? 1 : 0 })"), ("returns", "\(sum(\.returns))"),
      ("responses", "\(sum(\.responses))"), ("resources", "\(sum(\.resources))"),
      ("changed", "\(sum(\.changed))"), ("bytes", "\(sum(\.bytes))"),
      ("cpu_seconds", "\(Load.cpuSeconds)"),
      (
        "events",
        "{\"count\": \(watched), \"complete\": \(events.count), \"ms\": \(events.json)}"
      ),
      ("answers_ms", answers.json), ("synced_ms", synced.json),
      (
        "quiet_ms",
        "\((ContinuousClock.now - (counts.compactMap(\.lastAnswer).max() ?? since)).milliseconds)"
      ),
    ]
    return "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
  }

  /// The CPU time of this process, so that the server's figures stand apart.
  private static var cpuSeconds: Double {
    var usage = rusage()
    getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(0) {
      $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
    }
  }
}

/// Where the middle, the last hundredth and the ends of some durations are.
private struct Quantiles {
  private let sorted: [Duration]

  init(_ values: [Duration]) { sorted = values.sorted() }

  var count: Int { sorted.count }

  var json: String {
    guard let first = sorted.first, let last = sorted.last else { return "null" }
    let at = { (part: Double) in sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))] }
    let members = [("first", first), ("p50", at(0.5)), ("p99", at(0.99)), ("last", last)]
    return "{" + members.map { "\"\($0)\": \($1.milliseconds)" }.joined(separator: ", ") + "}"
  }
}

extension Duration {
  fileprivate var milliseconds: Double { (self / .microseconds(1)).rounded() / 1000 }
}
