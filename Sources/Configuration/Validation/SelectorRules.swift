// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Which workloads an object of the networking API is for; `noun` is what it is called.
  mutating func check(_ selector: Istio.WorkloadSelector?, _ path: FieldPath) {
    guard let selector else { return }
    selected(selector.labels, path["labels"])
  }

  /// Which workloads an object of another API is for.
  mutating func check(_ selector: Istio.Policy.WorkloadSelector?, _ path: FieldPath) {
    guard let selector else { return }
    selected(selector.matchLabels, path["matchLabels"])
  }

  private mutating func selected(_ labels: [String: String], _ path: FieldPath) {
    for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
      require(!key.isEmpty, path, "a label must have a key")
      require(
        !key.contains("*") && !value.contains("*"), path[key], "wildcards are not supported")
    }
    warn(labels.isEmpty, path, "a selector without labels means every workload of the namespace")
  }

  /// To what a policy is attached: one of a selector, an object, and several objects.
  mutating func target(
    selector: Istio.Policy.WorkloadSelector?, reference: Istio.Policy.PolicyTargetReference?,
    references: [Istio.Policy.PolicyTargetReference], _ path: FieldPath
  ) {
    let ways = [selector != nil, reference != nil, !references.isEmpty].count { $0 }
    require(ways < 2, path["targetRefs"], "only one of selector, targetRef and targetRefs goes")
    check(selector, path["selector"])
    if let reference { check(reference, path["targetRef"]) }
    for (index, reference) in references.enumerated() {
      check(reference, path["targetRefs"][index])
    }
  }

  private mutating func check(
    _ reference: Istio.Policy.PolicyTargetReference, _ path: FieldPath
  ) {
    require(!reference.name.isEmpty, path["name"], "must be given")
    require(
      reference.namespace.isEmpty, path["namespace"], "another namespace cannot be referred to")
    let allowed: [(group: String, kind: String)] = [
      ("", "Service"), ("core", "Service"), ("networking.istio.io", "ServiceEntry"),
      ("gateway.networking.k8s.io", "Gateway"), ("gateway.networking.k8s.io", "GatewayClass"),
    ]
    require(
      allowed.contains { $0.group == reference.group && $0.kind == reference.kind }, path["kind"],
      "must be a Service, ServiceEntry, Gateway or GatewayClass of its API group")
  }
}
