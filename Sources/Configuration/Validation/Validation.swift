// SPDX-License-Identifier: Apache-2.0

import JSON

extension ConfigurationObject {
  /// What is wrong with what the object says; an error means that it must not be used.
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
    default: break
    }
    return checker.diagnostics
  }
}
