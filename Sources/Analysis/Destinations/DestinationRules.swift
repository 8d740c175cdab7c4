// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

extension Analyzer {
  /// TLS that verifies no certificate.
  static func unverifiedTLS(_ input: AnalysisInput) -> [Finding] {
    input.mesh.config.destinationRules.all.flatMap { object -> [Finding] in
      guard let policy = object.spec.trafficPolicy else { return [] }
      let isSelective = object.spec.workloadSelector != nil
      let words = { (tls: Istio.ClientTLSSettings) in
        "DestinationRule \(object.fullName) in namespace \(object.meta.namespace) has TLS mode set to "
          + "\(tls.mode.rawValue) but no caCertificates are set to validate server identity for host: "
          + object.spec.host
      }
      var found: [Finding] = []
      if let tls = policy.tls, tls.isUnverified(isSelective: isSelective) {
        found.append(
          Finding(.unverifiedTLS, object.key, field: "spec.trafficPolicy.tls", words(tls)))
      }
      for (place, port) in policy.portLevelSettings.enumerated() {
        guard let tls = port.tls, tls.isUnverified(isSelective: isSelective) else { continue }
        found.append(
          Finding(
            .unverifiedPortTLS, object.key,
            field: "spec.trafficPolicy.portLevelSettings[\(place)].tls",
            "\(words(tls)) at port number:\(port.port?.number ?? 0)"))
      }
      return found
    }
  }

  /// Rules for no service, and subsets that no workload is in.
  static func ruleTargets(_ input: AnalysisInput) -> [Finding] {
    let registry = input.mesh.registry
    return input.mesh.config.destinationRules.all.flatMap { object -> [Finding] in
      let namespace = object.meta.namespace
      let host = input.fullName(object.spec.host, in: namespace)
      guard
        let target = input.hosts.target(host, from: namespace, exportTo: object.spec.exportTo)
      else {
        // A pattern is for the services that it covers.
        let isPattern = registry.services.contains {
          host.hasPrefix("*") && $0.hostname.isSubset(of: Hostname(valid: host))
        }
        guard !isPattern else { return [] }
        return [
          Finding(
            .unknownRuleHost, object.key, field: "spec.host",
            "The host \(object.spec.host) defined in the DestinationRule does not match any services in "
              + "the mesh.")
        ]
      }
      return object.spec.subsets.enumerated().compactMap { place, subset in
        let labels = target.selector.merging(subset.labels) { $1 }
        guard !isAnywhere(subset.labels, labels, target.key, input) else { return nil }
        return Finding(
          .emptySubset, object.key, field: "spec.subsets[\(place)].labels",
          "The Subset \(subset.name) defined in the DestinationRule does not select any pods. Which may "
            + "lead to 503 UH (NoHealthyUpstream).")
      }
    }
  }

  /// Whether a workload has a subset's labels: an endpoint of the service, or a Pod, those of its place in
  /// the mesh included.
  private static func isAnywhere(
    _ labels: [String: String], _ all: [String: String], _ service: ServiceKey,
    _ input: AnalysisInput
  ) -> Bool {
    let registry = input.mesh.registry
    if (registry.endpointsByService[service] ?? []).contains(where: {
      labels.isSubset(of: $0.workload.facts.labels)
    }) {
      return true
    }
    return input.pods.contains { pod in
      let entry = registry.sources.workloads[.init(pod.meta.namespace, pod.meta.name)]
      return all.isSubset(of: entry?.workload.facts.labels ?? pod.meta.labels)
    }
  }

  /// Subsets that an older rule for the host has already.
  static func duplicateSubsets(_ input: AnalysisInput) -> [Finding] {
    var first: [String: ObjectKey] = [:]
    var found: [Finding] = []
    for object in input.mesh.config.destinationRules.all where object.spec.workloadSelector == nil {
      let host = input.fullName(object.spec.host, in: object.meta.namespace)
      for (place, subset) in object.spec.subsets.enumerated() {
        let name = "\(object.meta.namespace)/\(host)/\(subset.name)"
        guard let older = first[name], older != object.key else {
          first[name] = object.key
          continue
        }
        found.append(
          Finding(
            .duplicateSubset, object.key, field: "spec.subsets[\(place)].name",
            "The subset \(subset.name) of \(host) is not used: DestinationRule "
              + "\(older.namespace)/\(older.name) has one of this name."))
      }
    }
    return found
  }
}

extension Istio.ClientTLSSettings {
  /// Whether TLS is opened without a certificate to verify by; a credential counts only for workloads
  /// that the rule selects.
  fileprivate func isUnverified(isSelective: Bool) -> Bool {
    guard mode == .simple || mode == .mutual else { return false }
    return caCertificates.isEmpty && !(isSelective && !credentialName.isEmpty)
  }
}
