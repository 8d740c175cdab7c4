// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import Configuration
import MeshModel
import ServiceDiscovery

/// All that the table of names is made of.
struct NameTableInputs: ResourceInputs {
  /// What is known of one name.
  struct Entry: Hashable, Sendable {
    var addresses: [String]
    var registry: RegistryKind
    /// The name in its namespace, of which the agent makes all shorter ones; empty for others.
    var shortName = ""
    var namespace = ""
  }

  static let type = ResourceType.nameTable

  /// The names.
  var entries: [String: Entry] = [:]

  var name: String { "nds" }

  func make(in arena: Arena) -> Envoy.NameTable {
    Envoy.NameTable(arena) { table in
      for (host, entry) in entries {
        table.table[host] = Envoy.NameTable.NameInfo(arena) {
          $0.ips = .init(entry.addresses)
          $0.registry = entry.registry.rawValue
          $0.shortname = entry.shortName
          $0.namespace = entry.namespace
        }
      }
    }
  }

  /// Adds a service; of one host in several registries Kubernetes counts, else addresses are united.
  mutating func add(_ service: MeshService, addresses: [String]) {
    guard !addresses.isEmpty else { return }
    var entry = Entry(addresses: addresses, registry: service.registry)
    if service.registry == .kubernetes {
      entry.shortName = service.name
      entry.namespace = service.namespace
    }
    guard let known = entries[service.hostname.text] else {
      entries[service.hostname.text] = entry
      return
    }
    guard known.registry != .kubernetes else { return }
    if service.registry != .kubernetes { entry.addresses = known.addresses + addresses }
    entries[service.hostname.text] = entry
  }
}

extension ProxyContext {
  /// The names of the services that the proxy sees with their addresses (NDS), for the DNS proxy of
  /// its agent.
  public func nameTable() -> EncodedResource {
    var inputs = NameTableInputs()
    for scope in outbound.egress {
      for service in scope.services where service.resolution != .alias {
        for variant in service.perAddress {
          let addresses = allAddresses(of: variant)
          if addresses.contains(unspecifiedAddress) {
            addHeadless(variant, to: &inputs)
          } else {
            inputs.add(variant, addresses: addresses.filter { IPAddress($0) != nil })
          }
        }
      }
    }
    return cache.resource(inputs)
  }

  /// Without an address of its own, a service has those of its endpoints, and each endpoint with a
  /// name of its own one entry more, where Kubernetes' DNS has it.
  private func addHeadless(_ service: MeshService, to inputs: inout NameTableInputs) {
    guard service.resolution == .passthrough, let port = service.ports.first else { return }
    var seen: Set<String> = []
    var all: [String] = []
    var named: [String: (isLocal: Bool, entry: NameTableInputs.Entry)] = [:]
    // Endpoints that do not serve the first port are not told: as in istiod.
    for endpoint in mesh.registry.endpoints(of: service.key, port: port) {
      let isUsable = service.publishNotReadyAddresses || endpoint.health == .healthy
      guard isUsable, let first = endpoint.addresses.first,
        endpoint.addresses.allSatisfy({ IPAddress($0) != nil }), seen.insert(first).inserted
      else { continue }
      let facts = endpoint.workload.facts
      let isLocal = facts.cluster.isEmpty || node.cluster.isEmpty || facts.cluster == node.cluster
      guard facts.network.isEmpty || node.network.isEmpty || facts.network == node.network
      else { continue }
      if let (host, short) = ownName(of: facts, in: service) {
        // Of names in several clusters, those of the proxy's own count.
        var entry = NameTableInputs.Entry(addresses: [], registry: service.registry)
        entry.shortName = short
        entry.namespace = service.namespace
        if let known = named[host], known.isLocal == isLocal { entry = known.entry }
        if named[host] == nil || named[host]?.isLocal == isLocal || isLocal {
          entry.addresses += endpoint.addresses
          named[host] = (isLocal, entry)
        }
      }
      if isLocal || settings.feature("ENABLE_MULTICLUSTER_HEADLESS", default: true) {
        all += endpoint.addresses
      }
    }
    for (host, found) in named { inputs.entries[host] = found.entry }
    inputs.add(service, addresses: all)
  }

  /// `pod.service.namespace.svc.domain`, and its part before the namespace.
  private func ownName(
    of facts: Workload.Facts, in service: MeshService
  ) -> (host: String, short: String)? {
    guard !facts.subdomain.isEmpty, let dot = service.hostname.text.firstIndex(of: ".")
    else { return nil }
    let short = "\(facts.hostname).\(facts.subdomain)"
    return (short + service.hostname.text[dot...], short)
  }
}
