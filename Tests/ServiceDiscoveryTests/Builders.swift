// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import ServiceDiscovery
import Testing

/// The tables of objects given as JSON; an object that is not read fails the test.
func tables(_ objects: JSONValue...) -> DiscoveryTables {
  var tables = DiscoveryTables()
  for value in objects {
    let (object, diagnostics) = ConfigurationObject.decode(value)
    guard let object else {
      Issue.record("\(diagnostics)")
      continue
    }
    tables.insert(object)
  }
  return tables
}

func registry(
  _ tables: DiscoveryTables, settings: RegistrySettings = RegistrySettings()
) -> ServiceRegistry { ServiceRegistry(ServiceSources(tables, settings: settings)) }

func metadata(
  _ name: String, _ namespace: String = "a", labels: JSONValue = [:], age: Int = 0
) -> JSONValue {
  [
    "name": .string(name), "namespace": .string(namespace), "labels": labels,
    "creationTimestamp": .string("2026-01-0\(9 - age)T00:00:00Z"),
  ]
}

func service(_ name: String, _ namespace: String = "a", spec: JSONValue) -> JSONValue {
  ["apiVersion": "v1", "kind": "Service", "metadata": metadata(name, namespace), "spec": spec]
}

func pod(
  _ name: String, _ namespace: String = "a", ips: [String], labels: JSONValue = [:],
  spec: JSONValue = [:], ready: Bool = true
) -> JSONValue {
  [
    "apiVersion": "v1", "kind": "Pod", "metadata": metadata(name, namespace, labels: labels),
    "spec": spec,
    "status": [
      "podIPs": .array(ips.map { ["ip": .string($0)] }), "phase": "Running",
      "conditions": [["type": "Ready", "status": ready ? "True" : "False"]],
    ],
  ]
}

func slice(
  _ service: String, _ namespace: String = "a", suffix: String = "1", type: String = "IPv4",
  ports: JSONValue = [["name": "http", "port": 8080]], endpoints: JSONValue
) -> JSONValue {
  [
    "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
    "metadata": metadata(
      "\(service)-\(suffix)", namespace, labels: ["kubernetes.io/service-name": .string(service)]),
    "addressType": .string(type), "ports": ports, "endpoints": endpoints,
  ]
}

func serviceEntry(
  _ name: String, _ namespace: String = "a", age: Int = 0, spec: JSONValue
) -> JSONValue {
  [
    "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
    "metadata": metadata(name, namespace, age: age), "spec": spec,
  ]
}

func workloadEntry(
  _ name: String, _ namespace: String = "a", labels: JSONValue = [:], spec: JSONValue
) -> JSONValue {
  [
    "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
    "metadata": metadata(name, namespace, labels: labels), "spec": spec,
  ]
}

func endpointTexts(
  _ registry: ServiceRegistry, _ host: String, _ namespace: String = "a"
) -> [String] {
  let key = ServiceKey(Hostname(valid: host), namespace: namespace)
  return (registry.endpointsByService[key] ?? []).map {
    "\($0.addresses.joined(separator: "+")):\($0.port) \($0.portName) \($0.health)"
  }
}
