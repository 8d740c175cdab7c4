// SPDX-License-Identifier: Apache-2.0

import Analysis
import ClusterWriters
import Configuration
import Flags
import KubernetesSource
import Logging
import MeshModel
import Synchronization

/// What analyzers find, as it stands in the status of objects, and in the log when it is new.
final class AnalysisFindings: Sendable {
  private let store: ConfigStore
  private let reader: FindingsReader
  private let log: Logger
  private let said = Mutex<Set<Finding>>([])

  /// The findings of what `store` has.
  init(_ store: ConfigStore, _ reader: FindingsReader, log: Logger) {
    self.store = store
    self.reader = reader
    self.log = log
  }

  /// What is found now.
  func read() -> AnalysisWriter.Findings {
    let found = store.snapshot.map(reader.read) ?? []
    tell(found)
    var messages: [ObjectKey: [AnalysisReport.Message]] = [:]
    for finding in found.sorted(by: AnalysisFindings.isBefore) {
      messages[finding.object, default: []].append(AnalysisReport.Message(finding.message))
    }
    return .init(messages: messages) { [store] in store.countedGeneration(of: $0) }
  }

  /// The worst first, as istiod writes them.
  private static func isBefore(_ left: Finding, _ right: Finding) -> Bool {
    if left.message.level != right.message.level { return left.message.level > right.message.level }
    return (left.message.code, left.text) < (right.message.code, right.text)
  }

  /// Logs what was not found before, and what is not found any more.
  private func tell(_ found: [Finding]) {
    let before = said.withLock { said in
      defer { said = Set(found) }
      return said
    }
    for finding in found where !before.contains(finding) {
      switch finding.message.level {
      case .error: log.error("Configuration analysis: \(finding)")
      case .warning: log.warn("Configuration analysis: \(finding)")
      case .info: log.debug("Configuration analysis: \(finding)")
      }
    }
    for finding in before.subtracting(found).map(\.description).sorted() {
      log.info("Configuration analysis resolved: \(finding)")
    }
  }
}

extension AnalysisReport.Message {
  /// A finding as the API has it; Istio's codes have a page.
  fileprivate init(_ message: AnalysisMessage) {
    let page = "https://istio.io/v1.30/docs/reference/config/analysis/\(message.code.lowercased())/"
    self.init(
      code: message.code, level: message.level.rawValue.uppercased(),
      documentation: message.code.hasPrefix("IST") ? page : "")
  }
}

extension MeshSettings {
  /// The time between two analyses; as in istiod, one below a second counts as not said.
  var analysisInterval: Duration {
    let written = features["PILOT_ANALYSIS_INTERVAL"].flatMap(GoDuration.parse)
    return written.flatMap { $0 >= .seconds(1) ? $0 : nil } ?? .seconds(10)
  }
}
