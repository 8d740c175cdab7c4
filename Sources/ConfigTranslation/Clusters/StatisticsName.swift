// SPDX-License-Identifier: Apache-2.0

import ServiceDiscovery

/// Fills the patterns of `inboundClusterStatName` and `outboundClusterStatName`.
struct StatisticsName {
  /// The service.
  var service: MeshService
  /// The service's port.
  var port: ServicePort
  /// The subset.
  var subset = ""
  /// The workload's port.
  var targetPort: UInt32 = 0

  /// `pattern` with `%SERVICE%`, `%SERVICE_NAME%`, `%SERVICE_FQDN%`, `%SUBSET_NAME%`,
  /// `%TARGET_PORT%`, `%SERVICE_PORT%` and `%SERVICE_PORT_NAME%` replaced.
  func filled(_ pattern: String) -> String {
    let host = service.hostname.text
    let isKubernetes = service.registry == .kubernetes
    let values: [String: String] = [
      "SERVICE": isKubernetes ? "\(service.name).\(service.namespace)" : host,
      "SERVICE_NAME": isKubernetes ? service.name : host, "SERVICE_FQDN": host,
      "SUBSET_NAME": subset, "TARGET_PORT": String(targetPort),
      "SERVICE_PORT": String(port.number), "SERVICE_PORT_NAME": port.name,
    ]
    var result = ""
    var parts = pattern.split(separator: "%", omittingEmptySubsequences: false)[...]
    result += parts.popFirst() ?? ""
    while let part = parts.popFirst() {
      if let value = values[String(part)], let next = parts.popFirst() {
        result += value + next
      } else {
        result += "%" + part
      }
    }
    return result
  }
}
