// SPDX-License-Identifier: Apache-2.0

import Glibc
import Lifecycle
import Logging
import Metrics

/// Keeps the workload's certificate fresh: a new key and certificate before the old one ends.
struct Renewal: Service {
  let options: CertificateOptions
  let secrets: SecretServer
  let metrics: AgentMetrics
  /// Where the secrets are written to besides; nil for nowhere.
  let output: OutputCertificates?
  let log: Logger

  /// The pauses after failures, in seconds; the last one is kept.
  private static let pauses = [0.25, 0.5, 1, 2, 4, 8, 16, 30]
  /// How often mounted files are looked at.
  private static let interval = Duration.seconds(2)

  func run(until shutdown: ShutdownSignal) async throws {
    let (ends, sender) = AsyncStream.makeStream(of: Void.self)
    shutdown.onRequest { sender.finish() }
    await withDiscardingTaskGroup { group in
      if !options.isMountedOnly { group.addTask { await renew() } }
      group.addTask {
        repeat {
          secrets.refresh()
          output?.write(secrets.view)
        } while (try? await ContinuousClock().sleep(for: Renewal.interval)) != nil
      }
      for await _ in ends {}
      group.cancelAll()
    }
  }

  private func renew() async {
    let requester = CertificateRequester(options)
    var failures = 0
    while !Task.isCancelled {
      let pause: Duration
      metrics.certificateRequests.increment(["csr"])
      do {
        let identity = try await requester.request()
        secrets.set(identity)
        metrics.certificateEnds(identity.end)
        output?.write(secrets.view)
        failures = 0
        pause = Renewal.pause(
          life: identity.end - Int64(time(nil)), graceRatio: options.graceRatio,
          jitter: Double.random(in: -options.graceJitter...options.graceJitter))
        log.info(
          "the workload has a certificate; the next is asked for in \(pause.components.seconds) s")
      } catch {
        metrics.certificateFailures.increment(["csr"])
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
