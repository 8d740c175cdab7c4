// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// One or several DestinationRules of a namespace for one host, merged.
public struct MergedDestinationRule: Hashable, Sendable {
  /// The rule: that of the oldest object, with the subsets of the others.
  public var rule: Istio.DestinationRule
  /// The objects that it comes from, the oldest first; its name stands in Envoy's metadata.
  public var sources: [ObjectKey]
  /// The namespaces that see it (`*`, `.` resolved to the rule's own); empty means all.
  public var exportTo: Set<String>

  /// The namespace of the objects.
  public var namespace: String { sources[0].namespace }
}

/// DestinationRules by namespace and host, as a client of a namespace finds them.
public struct DestinationRuleIndex: Sendable {
  private struct Rules {
    var exact: [Hostname: [MergedDestinationRule]] = [:]
    var wildcard: [Hostname: [MergedDestinationRule]] = [:]

    /// The rules of the most specific host that covers `host`.
    func mostSpecific(_ host: Hostname) -> [MergedDestinationRule]? {
      if let found = (host.isWildcard ? wildcard : exact)[host] { return found }
      let covering = wildcard.keys.filter { host.isSubset(of: $0) }
      let best = covering.min { $0.isMoreSpecific(than: $1) }
      return best.flatMap { wildcard[$0] }
    }
  }

  private var local: [String: Rules] = [:]
  private var exported: [String: Rules] = [:]
  private var rootLocal = Rules()
  private let rootNamespace: String
  /// The subsets that an older rule for the same host has already, so that they do not count.
  public private(set) var duplicateSubsets: [(host: String, subset: String)] = []

  init(_ objects: ConfigTable<Istio.DestinationRule>, settings: MeshSettings) {
    rootNamespace = settings.rootNamespace
    for object in objects.all { add(object, settings) }
  }

  /// The rules that apply to a client of `namespace` calling `service`: those of the client's
  /// namespace, else of the service's, else of the root namespace; the first found wins.
  ///
  /// There are several where some have a workload selector.
  public func rules(client namespace: String, service: ServiceKey) -> [MergedDestinationRule] {
    let own = namespace == rootNamespace ? rootLocal : local[namespace]
    if let found = own?.mostSpecific(service.hostname) { return found }
    for owner in [service.namespace, rootNamespace] {
      let visible = (exported[owner]?.mostSpecific(service.hostname) ?? []).filter {
        $0.exportTo.isEmpty || $0.exportTo.contains("*") || $0.exportTo.contains(namespace)
      }
      if !visible.isEmpty { return visible }
    }
    return []
  }

  private mutating func add(_ object: ConfigObject<Istio.DestinationRule>, _ settings: MeshSettings)
  {
    let namespace = object.meta.namespace
    let host = resolveShortName(object.spec.host, namespace: namespace, settings: settings)
    var rule = object.spec
    rule.host = host
    let named = rule.exportTo.isEmpty ? settings.mesh.defaultDestinationRuleExportTo : rule.exportTo
    let exportTo = Set(named.map { $0 == "." ? namespace : $0 })
    let key = ObjectKey(kind: object.kind, namespace: namespace, name: object.meta.name)
    let merged = MergedDestinationRule(rule: rule, sources: [key], exportTo: exportTo)
    let isPrivate = exportTo == [namespace]
    let passedOver = DestinationRuleIndex.merge(merged, into: &local[namespace, default: Rules()])
    duplicateSubsets += passedOver.map { (host, $0) }
    if isPrivate {
      if namespace == rootNamespace { DestinationRuleIndex.merge(merged, into: &rootLocal) }
    } else if !exportTo.contains("~") {
      DestinationRuleIndex.merge(merged, into: &exported[namespace, default: Rules()])
    }
  }

  @discardableResult
  private static func merge(
    _ new: MergedDestinationRule, into rules: inout Rules
  ) -> Set<String> {
    let host = Hostname(valid: new.rule.host)
    return host.isWildcard
      ? merge(new, into: &rules.wildcard[host, default: []])
      : merge(new, into: &rules.exact[host, default: []])
  }

  /// Istio's merge of rules for one host in one namespace: subsets are united, the first of a name
  /// stays, and the traffic policy is taken only where the older rule has none.
  ///
  /// Returns the names of the new rule's subsets that were there already.
  private static func merge(
    _ new: MergedDestinationRule, into list: inout [MergedDestinationRule]
  ) -> Set<String> {
    var isMerged = false
    var passedOver: Set<String> = []
    for index in list.indices {
      let old = list[index]
      let isWider = !old.exportTo.isEmpty && new.exportTo.isSuperset(of: old.exportTo)
      guard new.exportTo == old.exportTo || isWider else { continue }
      let (oldSelector, newSelector) = (old.rule.selectorLabels, new.rule.selectorLabels)
      if let oldSelector, let newSelector, oldSelector != newSelector { continue }
      // A rule for selected workloads and one for all give to each other, but both stay.
      if oldSelector == newSelector { isMerged = true }
      list[index].sources += new.sources
      let known = Set(old.rule.subsets.map(\.name))
      list[index].rule.subsets += new.rule.subsets.filter { !known.contains($0.name) }
      passedOver.formUnion(known.intersection(new.rule.subsets.map(\.name)))
      if old.rule.trafficPolicy == nil { list[index].rule.trafficPolicy = new.rule.trafficPolicy }
    }
    if !isMerged { list.append(new) }
    return passedOver
  }
}

extension Istio.DestinationRule {
  /// The labels of the workloads that alone use the rule; nil where all do.
  public var selectorLabels: [String: String]? { workloadSelector?.matchLabels }
}

/// A host as VirtualServices and DestinationRules write it, short names completed (Istio's rule: a
/// name without dots is one of the object's namespace).
public func resolveShortName(
  _ host: String, namespace: String, settings: MeshSettings
) -> String {
  let isShort = !host.isEmpty && !host.contains(".") && !host.hasPrefix("*")
  return isShort ? "\(host).\(namespace).svc.\(settings.clusterDomain)" : host
}
