// SPDX-License-Identifier: Apache-2.0

import Glibc
import Lifecycle
import Logging

/// Keeps the workload's certificate fresh: a new key and certificate before the old one ends.
struct Renewal: Service {
  let requester: CertificateRequester
  let secrets: SecretServer
  let graceRatio: Double
  let log: Logger

  /// The pauses after failures, in seconds; the last one is kept.
  private static let pauses = [1.0, 2, 4, 8, 16, 30]
  /// How often mounted files are looked at.
  private static let interval = Duration.seconds(5)

  func run(until shutdown: ShutdownSignal) async throws {
    let (ends, sender) = AsyncStream.makeStream(of: Void.self)
    shutdown.onRequest { sender.finish() }
    await withDiscardingTaskGroup { group in
      group.addTask { await renew() }
      group.addTask {
        while (try? await ContinuousClock().sleep(for: Renewal.interval)) != nil {
          secrets.refresh()
        }
      }
      for await _ in ends {}
      group.cancelAll()
    }
  }

  private func renew() async {
    var failures = 0
    while !Task.isCancelled {
      let pause: Duration
      do {
        let identity = try await requester.request()
        secrets.set(identity)
        failures = 0
        pause = Renewal.pause(
          life: identity.end - Int64(time(nil)), graceRatio: graceRatio,
          jitter: Double.random(in: -0.05...0.05))
        log.info("the workload has a certificate; the next is asked for in \(pause)")
      } catch {
        pause = .seconds(Renewal.pauses[min(failures, Renewal.pauses.count - 1)])
        failures += 1
        log.warn("no certificate could be had: \(error)")
      }
      try? await ContinuousClock().sleep(for: pause)
    }
  }

  /// When a certificate with so much life is renewed: with a share of it left, more or less.
  static func pause(life: Int64, graceRatio: Double, jitter: Double) -> Duration {
    .seconds(max(1, Double(life) * min(0.95, max(0.05, 1 - graceRatio + jitter))))
  }
}
