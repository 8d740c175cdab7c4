// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// What Telemetry objects say for one workload, the widest scope first.
struct TelemetryRules {
  /// The objects' contents: the mesh's, the namespace's, then those that select the workload.
  var rules: [Istio.Telemetry] = []

  /// What is said of metrics.
  var metrics: [Istio.Metrics] { rules.flatMap(\.metrics) }
  /// What is said of spans.
  var tracing: [Istio.Tracing] { rules.flatMap(\.tracing) }
  /// What is said of access logs, by object.
  var accessLogging: [[Istio.AccessLogging]] {
    rules.map(\.accessLogging).filter { !$0.isEmpty }
  }
}

extension ProxyContext {
  /// The Telemetry objects that apply: of those for a whole namespace only the oldest counts.
  func telemetryRules() -> TelemetryRules {
    let table = mesh.config.telemetries
    let wide = { (namespace: String) in
      table.objects(in: namespace).first { $0.spec.isForAll }.map { [$0.spec] } ?? []
    }
    let root = settings.rootNamespace
    var rules = wide(root)
    if node.namespace != root { rules += wide(node.namespace) }
    rules += table.objects(in: node.namespace).map(\.spec).filter {
      !$0.isForAll && $0.applies(to: node)
    }
    return TelemetryRules(rules: rules)
  }
}

extension Istio.Telemetry {
  private var targets: [Istio.Policy.PolicyTargetReference] {
    targetRefs.isEmpty ? targetRef.map { [$0] } ?? [] : targetRefs
  }

  /// Whether it is for all workloads of its namespace.
  fileprivate var isForAll: Bool {
    (selector?.matchLabels.isEmpty ?? true) && targets.isEmpty
  }

  /// Whether it names the proxy's Gateway, or selects its workload.
  fileprivate func applies(to node: ProxyNode) -> Bool {
    guard targets.isEmpty else {
      let gateway = node.labels["gateway.networking.k8s.io/gateway-name"]
      return targets.contains { $0.kind == "Gateway" && $0.name == gateway }
    }
    return selector?.matchLabels.isSubset(of: node.labels) ?? false
  }
}

extension Istio.WorkloadMode {
  /// Whether something for this side counts for one side of a call.
  func covers(clientSide: Bool) -> Bool {
    switch self {
    case .clientAndServer: true
    case .client: clientSide
    case .server: !clientSide
    }
  }
}
