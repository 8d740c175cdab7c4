// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import MeshModel
import ServiceDiscovery

/// `/debug/endpointz`: the endpoints of every service, as istiod's shards.
enum EndpointPage {
  /// By host, namespace and cluster; with `brief`, a line an endpoint.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    let registry = sources.snapshot()?.registry
    guard request.query("brief") == nil else {
      let lines = registry.map(brief) ?? []
      return .text(lines.map { Redaction.redacted($0) + "\n" }.joined())
    }
    return .json(registry.map(shards) ?? [:], for: request)
  }

  // MARK: Shards

  private static func shards(_ registry: ServiceRegistry) -> JSONValue {
    var hosts: [String: [String: JSONValue]] = [:]
    for service in registry.services {
      let endpoints = registry.endpointsByService[service.key] ?? []
      hosts[service.hostname.text, default: [:]][service.namespace] = shards(endpoints, of: service)
    }
    return .sorted(hosts.mapValues { .sorted($0) })
  }

  private static func shards(_ endpoints: [MeshEndpoint], of service: MeshService) -> JSONValue {
    let shards = Dictionary(grouping: endpoints) { endpoint in
      "\(service.registry.rawValue)/\(endpoint.workload.facts.cluster)"
    }
    let accounts = Set(endpoints.map(\.workload.facts.serviceAccount)).subtracting([""])
    return [
      "Shards": .sorted(shards.mapValues { .array($0.map(endpoint)) }),
      "ServiceAccounts": .texts(accounts.sorted()),
    ]
  }

  private static func endpoint(_ endpoint: MeshEndpoint) -> JSONValue {
    let facts = endpoint.workload.facts
    var fields = JSONFields()
    fields.add("Labels", .sorted(facts.labels.mapValues { .string($0) }))
    fields.add("Addresses", .texts(endpoint.addresses))
    fields.add("ServicePortName", .string(endpoint.portName))
    fields.add("ServiceAccount", .string(facts.serviceAccount))
    fields.add("Network", .string(facts.network))
    fields.add(
      "Locality",
      ["Label": .string(facts.locality.description), "ClusterID": .string(facts.cluster)])
    fields.add("EndpointPort", Int(endpoint.port))
    fields.add("LbWeight", Int(facts.weight))
    fields.add("TLSMode", .string(facts.tlsMode))
    fields.add("Namespace", .string(facts.namespace))
    fields.add("WorkloadName", .string(facts.name))
    fields.add("HostName", .string(facts.hostname))
    fields.add("SubDomain", .string(facts.subdomain))
    fields.add("HealthStatus", number(of: endpoint.health))
    fields.add("SendUnhealthyEndpoints", .bool(endpoint.sendUnhealthy))
    fields.add("NodeName", .string(facts.nodeName))
    return fields.value
  }

  /// istiod's number of an endpoint's health.
  private static func number(of health: MeshEndpoint.Health) -> Int {
    switch health {
    case .unknown: 0
    case .healthy: 1
    case .unhealthy: 2
    case .draining: 3
    case .terminating: 4
    }
  }

  // MARK: Lines

  /// `host:port address:port {labels} account`, a line an endpoint.
  private static func brief(_ registry: ServiceRegistry) -> [String] {
    registry.services.flatMap { service in
      service.ports.flatMap { port in
        registry.endpoints(of: service.key, port: port).map { endpoint in
          let facts = endpoint.workload.facts
          let labels = facts.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
          let address = endpoint.addresses.first ?? ""
          let place = endpoint.port == 0 ? address : hostPort(address, endpoint.port)
          let line = "\(service.hostname):\(port.name) \(place) {\(labels.joined(separator: ","))}"
          return facts.serviceAccount.isEmpty ? line : "\(line) \(facts.serviceAccount)"
        }
      }
    }
  }

  private static func hostPort(_ address: String, _ port: UInt32) -> String {
    address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
  }
}
