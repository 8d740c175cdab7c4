// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import DiscoveryServer
import MeshModel
import Metrics
import Synchronization

/// The push status of what is served now, made when somebody asks and kept until something differs.
final class PushStatusReader: Sendable {
  private struct State {
    var snapshot: MeshSnapshot?
    var proxies: [String] = []
    var status: PushStatus?
  }

  private let discovery: DiscoveryServer
  private let translator: Translator
  private let state = Mutex(State())

  init(discovery: DiscoveryServer, translator: Translator) {
    self.discovery = discovery
    self.translator = translator
  }

  /// The status; nil before the first snapshot.
  func read() -> PushStatus? {
    guard let snapshot = discovery.snapshot else { return nil }
    let connected = discovery.proxies()
    let proxies = connected.map(\.id)
    return state.withLock { state in
      if let known = state.status, state.snapshot === snapshot, state.proxies == proxies {
        return known
      }
      let contexts = connected.map { translator.view(snapshot, $0.node).context }
      let made = PushStatus(snapshot, proxies: contexts)
      state = State(snapshot: snapshot, proxies: proxies, status: made)
      return made
    }
  }

  /// Shows the counts as istiod's gauges.
  func register(with registry: MetricsRegistry) {
    ConfigurationMetrics.addStatus(to: registry) { metric in
      guard let status = self.read() else { return nil }
      guard let finding = PushStatus.Finding(rawValue: metric) else {
        return Double(status.endpointsAwaitingPods)
      }
      return Double(status.count(finding))
    }
  }
}
