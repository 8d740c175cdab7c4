// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// One or several DestinationRules of a namespace for one host, merged.
public struct MergedDestinationRule: Hashable, Sendable {
  /// The rule: that of the oldest object, with the subsets of the others.
  public var rule: Istio.DestinationRule
  /// The objects that it comes from, the oldest first; its name stands in Envoy's metadata.
  public var sources: [ObjectKey]
  /// The namespaces that see it, as written (`*` for all, `.` for its own); empty means all.
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
  /// Whether only rules that the same namespaces see are merged.
  private let mergesByVisibility: Bool
  /// Tells this index from others: that of the table which it was made of.
  public let tag: Tag
  /// The subsets that an older rule for the same host has already, so that they do not count.
  public private(set) var duplicateSubsets: [(host: String, subset: String)] = []

  init(_ objects: ConfigTable<Istio.DestinationRule>, settings: MeshSettings) {
    rootNamespace = settings.rootNamespace
    tag = objects.tag
    mergesByVisibility = settings.feature("ENABLE_ENHANCED_DESTINATIONRULE_MERGE", default: true)
    // Rules for selected workloads first, then by age.
    let (selective, general) = (
      objects.all.filter { $0.spec.selectorLabels != nil },
      objects.all.filter { $0.spec.selectorLabels == nil }
    )
    for object in selective + general { add(object, settings) }
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
    // What is for selected workloads is for those of its own namespace.
    let exportTo = rule.workloadSelector == nil ? Set(rule.exportTo) : ["."]
    let key = ObjectKey(kind: object.kind, namespace: namespace, name: object.meta.name)
    let merged = MergedDestinationRule(rule: rule, sources: [key], exportTo: exportTo)
    let byVisibility = mergesByVisibility
    if exportTo.isEmpty || !exportTo.isDisjoint(with: ["*", ".", namespace]) {
      let passedOver = Self.merge(merged, into: &local[namespace, default: Rules()], byVisibility)
      duplicateSubsets += passedOver.map { (host, $0) }
    }
    // Of the mesh's default, only that rules are private by it counts.
    let isPrivate =
      exportTo.isEmpty
      ? settings.mesh.defaultDestinationRuleExportTo.contains(".")
      : exportTo == ["."] || exportTo == [namespace]
    if !isPrivate {
      Self.merge(merged, into: &exported[namespace, default: Rules()], byVisibility)
    } else if namespace == rootNamespace {
      Self.merge(merged, into: &rootLocal, byVisibility)
    }
  }

  @discardableResult
  private static func merge(
    _ new: MergedDestinationRule, into rules: inout Rules, _ byVisibility: Bool
  ) -> Set<String> {
    let host = Hostname(valid: new.rule.host)
    return host.isWildcard
      ? merge(new, into: &rules.wildcard[host, default: []], byVisibility)
      : merge(new, into: &rules.exact[host, default: []], byVisibility)
  }

  /// Istio's merge of rules for one host in one namespace: subsets are united, the first of a name
  /// stays, and the traffic policy is taken only where the older rule has none.
  ///
  /// What the last of the older rules says decides whether the new one also stands by itself. So a
  /// rule for all that only its namespace sees (`exportTo: [.]`) goes wholly into one for selected
  /// workloads, as in istiod. Returns the names of the new rule's subsets that were there already.
  private static func merge(
    _ new: MergedDestinationRule, into list: inout [MergedDestinationRule], _ byVisibility: Bool
  ) -> Set<String> {
    var standsAlone = true
    var passedOver: Set<String> = []
    for index in list.indices {
      let old = list[index]
      if byVisibility {
        let isWider = !old.exportTo.isEmpty && new.exportTo.isSuperset(of: old.exportTo)
        standsAlone = new.exportTo != old.exportTo
        guard !standsAlone || isWider else { continue }
      }
      let (oldSelector, newSelector) = (old.rule.selectorLabels, new.rule.selectorLabels)
      if let oldSelector, let newSelector, oldSelector != newSelector {
        standsAlone = true
        continue
      }
      if oldSelector == newSelector { standsAlone = false }
      list[index].sources += new.sources
      let known = Set(old.rule.subsets.map(\.name))
      list[index].rule.subsets += new.rule.subsets.filter { !known.contains($0.name) }
      passedOver.formUnion(known.intersection(new.rule.subsets.map(\.name)))
      if old.rule.trafficPolicy == nil { list[index].rule.trafficPolicy = new.rule.trafficPolicy }
    }
    if standsAlone { list.append(new) }
    return passedOver
  }
}

extension Istio.DestinationRule {
  /// The labels of the workloads that alone use the rule; nil where all do.
  public var selectorLabels: [String: String]? { workloadSelector?.matchLabels }
}

/// A host as VirtualServices and DestinationRules write it, short names completed (Istio's rule: a
/// name without dots is one of the object's namespace; an address of IPv6 is no name).
public func resolveShortName(
  _ host: String, namespace: String, settings: MeshSettings
) -> String {
  let isShort =
    !host.isEmpty && !host.contains(".") && host != "*" && IPAddress(host) == nil
  return isShort ? "\(host).\(namespace).svc.\(settings.clusterDomain)" : host
}
