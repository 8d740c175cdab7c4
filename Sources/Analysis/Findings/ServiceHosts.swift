// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// The hosts of Services and ServiceEntries with the namespaces that see them.
struct ServiceHosts: Sendable {
  /// What a host is.
  struct Target: Sendable {
    var key: ServiceKey
    var ports: [UInt32]
    /// The labels of its workloads.
    var selector: [String: String]
  }

  private var byScope: [String: [String: Target]] = [:]

  init(_ mesh: MeshSnapshot) {
    for service in mesh.registry.services {
      let target = Target(
        key: service.key, ports: service.ports.map(\.number), selector: service.selector)
      for scope in scopes(of: Array(service.exportTo), in: service.namespace) {
        if byScope[scope]?[service.hostname.text] == nil {
          byScope[scope, default: [:]][service.hostname.text] = target
        }
      }
    }
  }

  /// What a full host is to an object of a namespace that is itself for `exportTo`: what everybody sees,
  /// what its readers see, else a pattern that covers it.
  func target(_ host: String, from namespace: String, exportTo: [String]) -> Target? {
    if let found = byScope["*"]?[host] { return found }
    let readers = exportTo.isEmpty ? [namespace] : exportTo.map { $0 == "." ? namespace : $0 }
    for reader in readers { if let found = byScope[reader]?[host] { return found } }
    let ending = host.hasPrefix("*") ? host.dropFirst() : host[...]
    for scope in ["*", namespace] {
      let covering = (byScope[scope] ?? [:]).filter { pattern, _ in
        pattern.hasPrefix("*") && ending.hasSuffix(pattern.dropFirst())
      }
      if let found = covering.min(by: { $0.key < $1.key }) { return found.value }
    }
    return nil
  }
}
