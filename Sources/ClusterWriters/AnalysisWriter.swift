// SPDX-License-Identifier: Apache-2.0

public import Configuration
internal import JSON
public import KubernetesClient
public import KubernetesSource
internal import Synchronization

/// Writes what analyzers find into the status of Istio's objects (`validationMessages`, and the
/// generation of which they speak), as istiod does with `PILOT_ENABLE_ANALYSIS`.
///
/// Messages that nothing finds any more are taken out, also those of an earlier process. What is
/// found of an object that says something else by now is not written: it is analysed anew.
public final class AnalysisWriter: ClusterWriter {
  /// What an object's status shall say.
  struct Plan: Hashable {
    var key: ObjectKey
    /// The generation of the object that was analysed.
    var generation: Int64
    var messages: [AnalysisReport.Message]

    /// Whether a status says it already.
    func isSaid(by report: AnalysisReport) -> Bool {
      report.messages == messages && (messages.isEmpty || report.observed == generation)
    }
  }

  /// What is found, and what it is found of.
  public struct Findings: Sendable {
    /// The messages of each object that has any, of Istio's kinds or not.
    public var messages: [ObjectKey: [AnalysisReport.Message]]
    /// The generation of an object that was analysed; nil for one that was not.
    public var generation: @Sendable (ObjectKey) -> Int64?

    /// Findings.
    public init(
      messages: [ObjectKey: [AnalysisReport.Message]],
      generation: @escaping @Sendable (ObjectKey) -> Int64?
    ) {
      self.messages = messages
      self.generation = generation
    }
  }

  /// What it writes.
  public let name = "analysis messages"
  private let client: KubernetesClient
  private let reports: AnalysisReports
  private let interval: Duration
  private let changes: AsyncStream<Void>
  private let findings: @Sendable () -> Findings
  private let plans = Mutex<[String: Plan]>([:])

  /// How long changes gather before they are analysed.
  private static let quiet = Duration.seconds(1)

  /// A writer.
  ///
  /// - Parameters:
  ///   - reports: What objects' status says.
  ///   - interval: The time between two analyses (`PILOT_ANALYSIS_INTERVAL`).
  ///   - changes: An element whenever something else may be found.
  ///   - findings: Analyses what is there.
  public init(
    client: KubernetesClient, reports: AnalysisReports, interval: Duration,
    changes: AsyncStream<Void>, findings: @escaping @Sendable () -> Findings
  ) {
    self.client = client
    self.reports = reports
    self.interval = max(interval, AnalysisWriter.quiet)
    self.changes = changes
    self.findings = findings
  }

  /// Waits for changes; those that come together are one.
  public func follow(_ notify: @escaping @Sendable () -> Void) async {
    let clock = ContinuousClock()
    for await _ in changes {
      let began = clock.now
      guard (try? await clock.sleep(until: began + AnalysisWriter.quiet)) != nil else { return }
      notify()
      guard (try? await clock.sleep(until: began + interval)) != nil else { return }
    }
  }

  /// The objects whose status says something else than is found.
  public func due() -> [String] {
    let found = findings()
    let next = AnalysisWriter.plans(found, reports.all)
    plans.withLock { $0 = next }
    return next.keys.sorted()
  }

  /// What the status of objects shall say where it does not.
  static func plans(
    _ found: Findings, _ reports: [ObjectKey: AnalysisReport]
  ) -> [String: Plan] {
    let marked = reports.filter { !$0.value.messages.isEmpty }.keys
    let keys = Set(found.messages.keys).union(marked).filter {
      $0.kind.group.hasSuffix("istio.io")
    }
    var plans: [String: Plan] = [:]
    for key in keys {
      // Of what is not told, or something else by now, is nothing to be said.
      guard let report = reports[key], report.generation == found.generation(key) else { continue }
      let plan = Plan(
        key: key, generation: report.generation, messages: found.messages[key] ?? [])
      if !plan.isSaid(by: report) { plans[key.description] = plan }
    }
    return plans
  }

  /// Writes the status of an object, unless it says the same already, or the object is another by now.
  public func write(
    _ name: String, by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> Bool {
    guard let plan = plans.withLock({ $0[name] }) else { return false }
    var path = ObjectPath(
      group: plan.key.kind.group, version: plan.key.kind.versions[0], plural: plan.key.kind.plural,
      namespace: plan.key.namespace, name: plan.key.name)
    let object: JSONValue
    do throws(KubernetesRequestError) {
      object = try await client.object(at: path, by: deadline)
    } catch {
      if error.isNotFound { return false }
      throw error
    }
    let report = AnalysisReport(of: object)
    guard object["metadata"]?["deletionTimestamp"] == nil, report.generation == plan.generation,
      !plan.isSaid(by: report)
    else { return false }
    path.subresource = "status"
    let messages = JSONValue.array(plan.messages.map(\.json))
    _ = try await client.patch(
      .merge([
        "metadata": ["resourceVersion": object["metadata"]?["resourceVersion"] ?? ""],
        "status": [
          // A long number of protobuf is text in JSON.
          "observedGeneration": .string(String(plan.generation)),
          "validationMessages": plan.messages.isEmpty ? .null : messages,
        ],
      ]), at: path, by: deadline)
    return true
  }
}
