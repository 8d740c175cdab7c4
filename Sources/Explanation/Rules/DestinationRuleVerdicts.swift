// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import MeshModel
import ServiceDiscovery

/// The DestinationRules for the hosts of the clusters that a request reaches.
struct DestinationRuleVerdicts {
  private typealias Object = ConfigObject<Istio.DestinationRule>

  private let context: ProxyContext
  private let result: WalkResult

  init(_ context: ProxyContext, _ result: WalkResult) {
    self.context = context
    self.result = result
  }

  var verdicts: [RuleVerdict] {
    var seen: Set<ObjectKey> = []
    return result.outcome.clusters.flatMap { name -> [RuleVerdict] in
      guard let cluster = ClusterName(name), cluster.direction == .outbound,
        let service = context.outbound.servicesByHost[Hostname(valid: cluster.host)]
      else { return [] }
      return verdicts(for: service, subset: cluster.subset)
    }.filter { seen.insert($0.object).inserted }
  }

  private func verdicts(for service: MeshService, subset: String) -> [RuleVerdict] {
    let used = context.outbound.destinationRule(
      for: service.hostname, workload: context.node.labels)
    let subsets = used?.rule.subsets.map(\.name) ?? []
    return context.mesh.config.destinationRules.all
      .filter { service.hostname.isSubset(of: host(of: $0)) }
      .map { object in
        if let used, let place = used.sources.firstIndex(of: object.key) {
          let isMissing = !subset.isEmpty && !subsets.contains(subset)
          let part = place == 0 ? "its policy is the cluster's" : "it is merged into the first rule"
          return RuleVerdict(
            object: object.key, applies: true,
            reason: isMissing ? "\(part), and it has no subset \(subset)" : part)
        }
        return RuleVerdict(
          object: object.key, applies: false, reason: reason(against: object, service, used))
      }
  }

  private func host(of object: Object) -> Hostname {
    Hostname(
      valid: resolveShortName(
        object.spec.host, namespace: object.meta.namespace, settings: context.settings))
  }

  private func reason(
    against object: Object, _ service: MeshService, _ used: MergedDestinationRule?
  ) -> String {
    let client = context.node.namespace
    let owner = object.meta.namespace
    let places = [client, service.namespace, context.settings.rootNamespace]
    guard places.contains(owner) else {
      return "rules count that are in the client's namespace, the service's or the root namespace; "
        + "it is in \(owner)"
    }
    let written =
      object.spec.exportTo.isEmpty
      ? context.settings.mesh.defaultDestinationRuleExportTo : object.spec.exportTo
    let exportTo = Set(written.map { $0 == "." ? owner : $0 })
    let isOpen = exportTo.isEmpty || exportTo.contains("*") || exportTo.contains(client)
    guard isOpen else {
      return "exportTo: it is for \(exportTo.sorted().joined(separator: ", ")), "
        + "and the proxy is in \(client)"
    }
    if let labels = object.spec.selectorLabels, !labels.isSubset(of: context.node.labels) {
      let list = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      return "workloadSelector: it is for clients with \(list.joined(separator: ", "))"
    }
    guard let used else { return "it is not found for the service" }
    let name = "\(used.namespace)/\(used.sources[0].name)"
    if used.namespace != owner {
      return "DestinationRule \(name) comes first: rules are looked for in the client's namespace, "
        + "then the service's, then the root namespace"
    }
    if Hostname(valid: used.rule.host).isMoreSpecific(than: host(of: object)) {
      return "host: DestinationRule \(name) is for \(used.rule.host), which is more specific"
    }
    return "DestinationRule \(name) comes first"
  }
}
