// SPDX-License-Identifier: Apache-2.0

import ServiceDiscovery

/// Names of statistics by a pattern of the mesh (`outboundClusterStatName`,
/// `inboundClusterStatName`).
struct StatName {
  /// The service's host; empty where there is none.
  var host: String
  /// The service's name and namespace, where Kubernetes declares it.
  var kubernetes: (name: String, namespace: String)?
  /// The subset.
  var subset = ""
  /// The service's port.
  var port: UInt32
  /// The name of the service's port.
  var portName = ""
  /// The workload's port, where a pattern may ask for it.
  var targetPort: UInt32?

  /// Of a port of a service.
  init(
    _ service: MeshService?, host: String, subset: String = "", port: UInt32, portName: String = ""
  ) {
    self.host = host
    self.subset = subset
    self.port = port
    self.portName = portName
    if let service, service.registry == .kubernetes {
      kubernetes = (service.name, service.namespace)
    }
  }

  /// The pattern with its words replaced.
  func text(_ pattern: String) -> String {
    var replaced = pattern
    let words: [(String, String?)] = [
      ("%SERVICE%", kubernetes.map { "\($0.name).\($0.namespace)" } ?? host),
      ("%SERVICE_NAME%", kubernetes?.name ?? host), ("%SERVICE_FQDN%", host),
      ("%SUBSET_NAME%", subset), ("%TARGET_PORT%", targetPort.map { "\($0)" }),
      ("%SERVICE_PORT%", "\(port)"), ("%SERVICE_PORT_NAME%", portName),
    ]
    for (word, value) in words {
      if let value { replaced = replaced.replacing(word, with: value) }
    }
    return replaced
  }
}
