// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import MeshModel
import ServiceDiscovery

/// `/debug/registryz`: every service, in the members of istiod's service model.
enum RegistryPage {
  /// The services, the oldest first.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    .json(.array(sources.snapshot()?.registry.services.map(service) ?? []), for: request)
  }

  private static func service(_ service: MeshService) -> JSONValue {
    var fields = JSONFields()
    fields.add("Attributes", attributes(service))
    fields.add("ports", list: service.ports.map(port))
    fields.add("serviceAccounts", list: service.serviceAccounts.map { .string($0) })
    if let time = service.creationTime {
      fields.add("creationTime", TimeText.rfc3339(Double(time)))
    }
    fields.add("hostname", .string(service.hostname.text))
    fields.add("clusterVIPs", addresses(service.addresses))
    let sorted = service.addresses.sorted { $0.key < $1.key }
    fields.add("defaultAddress", sorted.first?.value.first ?? "")
    fields.add("autoAllocatedIPv4Address", service.autoAllocated.first ?? "")
    fields.add("autoAllocatedIPv6Address", service.autoAllocated.dropFirst().first ?? "")
    fields.add("Resolution", number(of: service.resolution))
    fields.add("MeshExternal", .bool(service.isMeshExternal))
    return fields.value
  }

  private static func port(_ port: ServicePort) -> JSONValue {
    var fields = JSONFields()
    fields.add("name", port.name)
    fields.add("port", Int(port.number))
    fields.add("protocol", port.protocol.rawValue)
    return fields.value
  }

  private static func attributes(_ service: MeshService) -> JSONValue {
    var fields = JSONFields()
    fields.add("ServiceRegistry", service.registry.rawValue)
    fields.add("Name", service.name)
    fields.add("Namespace", service.namespace)
    fields.add("Labels", service.labels)
    if !service.exportTo.isEmpty { fields.add("ExportTo", .texts(service.exportTo.sorted())) }
    fields.add("LabelSelectors", service.selector)
    fields.add(
      "Aliases",
      list: service.aliases.map { alias in
        ["Hostname": .string(alias.hostname.text), "Namespace": .string(alias.namespace)]
      })
    if !service.externalAddresses.isEmpty {
      fields.add("ClusterExternalAddresses", addresses(service.externalAddresses))
    }
    fields.add("Type", service.type)
    fields.add("ExternalName", service.externalName)
    fields.add("NodeLocal", .bool(service.isNodeLocal))
    return fields.value
  }

  private static func addresses(_ byCluster: [String: [String]]) -> JSONValue {
    ["Addresses": .sorted(byCluster.mapValues { .texts($0) })]
  }

  /// istiod's number of a way to find endpoints.
  private static func number(of resolution: Resolution) -> Int {
    switch resolution {
    case .clientSideLB: 0
    case .dnsLB: 1
    case .passthrough: 2
    case .dnsRoundRobinLB: 3
    case .alias: 4
    case .dynamicDNS: 5
    }
  }
}
