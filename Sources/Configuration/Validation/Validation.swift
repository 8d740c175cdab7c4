// SPDX-License-Identifier: Apache-2.0

import JSON

extension ConfigurationObject {
  /// What is wrong with what the object says; an error means that it must not be used.
  ///
  /// Verdicts are those of istiod's validating webhook, warnings too.
  public func validate() -> [Diagnostic] {
    var checker = Checker()
    let spec = FieldPath()["spec"]
    switch self {
    case .virtualService(let object): checker.check(object, spec)
    case .destinationRule(let object): checker.check(object, spec)
    case .gateway(let object): checker.check(object, spec)
    case .serviceEntry(let object): checker.check(object, spec)
    case .sidecar(let object): checker.check(object, spec)
    case .workloadEntry(let object):
      checker.check(object.spec, ports: nil, allowsNames: true, spec)
    case .workloadGroup(let object): checker.check(object, spec)
    case .envoyFilter(let object): checker.check(object, spec)
    case .proxyConfig(let object): checker.check(object, spec)
    case .authorizationPolicy(let object): checker.check(object, spec)
    case .peerAuthentication(let object): checker.check(object, spec)
    case .requestAuthentication(let object): checker.check(object, spec)
    case .telemetry(let object): checker.check(object, spec)
    case .wasmPlugin(let object): checker.check(object, spec)
    case .trafficExtension(let object): checker.check(object, spec)
    case .namespace, .node, .service, .endpointSlice, .pod, .secret, .configMap, .serviceAccount:
      return []
    }
    checker.annotations(of: self)
    return checker.diagnostics
  }
}

extension Checker {
  /// Checks the annotations that mean something to istiod.
  fileprivate mutating func annotations(of object: ConfigurationObject) {
    let path = FieldPath()["metadata"]["annotations"]
    for name in [
      "internal.istio.io/webhook-always-reject", "internal.istio.io/parent-namespace",
      "internal.istio.io/parents",
    ] {
      require(object.meta.annotations[name] == nil, path[name], "must not be set")
    }
    let dryRun = "istio.io/dry-run"
    guard let value = object.meta.annotations[dryRun] else { return }
    guard case .authorizationPolicy(let policy) = object else {
      return error(path[dryRun], "goes with an AuthorizationPolicy only")
    }
    require(
      [.allow, .deny].contains(policy.spec.action), path[dryRun],
      "goes with the actions ALLOW and DENY only")
    let truths: Set = [
      "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False",
    ]
    require(truths.contains(value), path[dryRun], "must be true or false")
  }

  /// Checks a ProxyConfig.
  fileprivate mutating func check(_ object: ConfigObject<Istio.ProxyConfig>, _ path: FieldPath) {
    check(object.spec.selector, path["selector"])
    require(
      (object.spec.concurrency ?? 0) >= 0, path["concurrency"], "must not be negative")
  }
}
