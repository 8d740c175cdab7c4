// SPDX-License-Identifier: Apache-2.0

import Configuration
public import MeshModel
import ServiceDiscovery

/// What of a snapshot contradicts itself or leads nowhere, as istiod's push status tells it
/// (`PushContext.ProxyStatus`): findings by metric, each under a key of its own.
///
/// Made when somebody asks, never on the way of a push.
public struct PushStatus: Sendable {
  /// A metric, and what its keys are.
  public enum Finding: String, CaseIterable, Sendable {
    /// Domains that two VirtualServices claim: `host:port`.
    case duplicateDomains = "pilot_vservice_dup_domain"
    /// Hosts for which two DestinationRules name one subset.
    case duplicateSubsets = "pilot_destrule_subsets"
    /// Proxies with a port that two services claim under different protocols.
    case inboundListenerConflicts = "pilot_conflict_inbound_listener"
    /// Listeners that two TCP services claim: `address_port`.
    case outboundListenerConflicts = "pilot_conflict_outbound_listener_tcp_over_current_tcp"
    /// Clusters that services of one host in several namespaces would make twice.
    case duplicateClusters = "pilot_duplicate_envoy_clusters"
    /// DNS clusters that have no address to resolve.
    case emptyDNSClusters = "pilot_dns_cluster_without_endpoints"
    /// EDS clusters that have no endpoint.
    case emptyEDSClusters = "pilot_eds_no_instances"
    /// Proxies whose own endpoint is not ready.
    case endpointsNotReady = "pilot_endpoint_not_ready"
    /// Sidecars that no service selects.
    case proxiesWithoutService = "pilot_no_ip"
    /// Services with an endpoint whose Pod is not known; the message is its address.
    case endpointsWithoutPod = "endpoint_no_pod"
  }

  /// What is said of a key.
  public struct Note: Hashable, Sendable {
    /// The proxy that it was seen at; empty where it is the same for all.
    public var proxy = ""
    /// One sentence; may be empty.
    public var message = ""
  }

  /// The findings by key.
  public private(set) var notes: [Finding: [String: Note]] = [:]
  /// How many endpoints wait for their Pod.
  public private(set) var endpointsAwaitingPods = 0

  /// The status of a snapshot, for the proxies that are connected.
  public init(_ mesh: MeshSnapshot, proxies: [ProxyContext]) {
    note(registry: mesh)
    for duplicate in mesh.destinationRules.duplicateSubsets {
      note(
        .duplicateSubsets, duplicate.host,
        "The subset \(duplicate.subset) is named by more than one DestinationRule for the host.")
    }
    var seen: Set<ObjectIdentifier> = []
    for proxy in proxies {
      if proxy.node.kind == .sidecar { note(workload: proxy) }
      guard seen.insert(ObjectIdentifier(proxy.outbound)).inserted else { continue }
      note(scopeOf: proxy)
    }
  }

  /// How many keys a finding has.
  public func count(_ finding: Finding) -> Int { notes[finding]?.count ?? 0 }

  private mutating func note(
    _ finding: Finding, _ key: String, _ message: String = "", proxy: String = ""
  ) {
    if notes[finding]?[key] != nil { return }
    notes[finding, default: [:]][key] = Note(proxy: proxy, message: message)
  }

  // MARK: The registry

  private mutating func note(registry mesh: MeshSnapshot) {
    for service in mesh.registry.services where service.resolution != .alias {
      noteEmptyClusters(of: service, mesh)
    }
    for awaited in mesh.registry.endpointsAwaitingPods() {
      endpointsAwaitingPods += 1
      note(.endpointsWithoutPod, awaited.service.hostname.text, awaited.address)
    }
  }

  private mutating func noteEmptyClusters(of service: MeshService, _ mesh: MeshSnapshot) {
    let finding: Finding
    switch service.resolution {
    case .clientSideLB: finding = .emptyEDSClusters
    case .dnsLB, .dnsRoundRobinLB: finding = .emptyDNSClusters
    default: return
    }
    let rules = mesh.destinationRules.rules(client: service.namespace, service: service.key)
    let subsets = rules.flatMap(\.rule.subsets)
    for port in service.ports where port.protocol != .udp {
      let endpoints = mesh.registry.endpoints(of: service.key, port: port)
      let name = {
        ClusterName(.outbound, port: port.number, subset: $0, host: service.hostname.text)
      }
      if endpoints.isEmpty { note(finding, "\(name(""))") }
      for subset in subsets {
        let isEmpty = !endpoints.contains {
          subset.labels.isSubset(of: $0.workload.facts.labels)
        }
        if isEmpty { note(finding, "\(name(subset.name))") }
      }
    }
  }

  // MARK: Proxies

  private mutating func note(workload proxy: ProxyContext) {
    let id = proxy.node.shortID
    if proxy.targets.isEmpty { note(.proxiesWithoutService, id, proxy: id) }
    var first: [UInt32: ServiceTarget] = [:]
    let address = proxy.node.addresses.first
    for target in proxy.targets {
      let endpoints = proxy.mesh.registry.endpoints(of: target.service.key, port: target.port)
      if endpoints.contains(where: { $0.addresses.first == address && $0.health == .unhealthy }) {
        note(.endpointsNotReady, id, proxy: id)
      }
      guard let known = first[target.targetPort] else {
        first[target.targetPort] = target
        continue
      }
      let isOther = known.service.hostname != target.service.hostname
      guard isOther, known.port.protocol != target.port.protocol else { continue }
      note(
        .inboundListenerConflicts, id,
        "Conflicting inbound listener:\(target.targetPort). existing: \(known.service.hostname), "
          + "incoming: \(target.service.hostname)", proxy: id)
    }
  }

  // MARK: What proxies of a namespace see

  private mutating func note(scopeOf proxy: ProxyContext) {
    let id = proxy.node.shortID
    for egress in proxy.outbound.egress {
      noteRepeatedHosts(of: egress.services, proxy: id)
      guard proxy.node.kind == .sidecar else { continue }
      noteRepeatedDomains(of: egress, proxy: id)
      noteRepeatedListeners(of: egress.services, proxy: id)
    }
  }

  private mutating func noteRepeatedHosts(of services: [MeshService], proxy: String) {
    var first: [Hostname: MeshService] = [:]
    for service in services {
      guard let known = first[service.hostname] else {
        first[service.hostname] = service
        continue
      }
      guard known.namespace != service.namespace else { continue }
      for port in service.ports where known.port(number: port.number) != nil {
        let name = ClusterName(.outbound, port: port.number, host: service.hostname.text)
        note(
          .duplicateClusters, "\(name)",
          "The service of \(service.namespace) is hidden by the one of \(known.namespace).",
          proxy: proxy)
      }
    }
  }

  private mutating func noteRepeatedDomains(of egress: EgressScope, proxy: String) {
    let byHost = Dictionary(egress.services.map { ($0.hostname.text, $0) }) { first, _ in first }
    var seen: Set<String> = []
    for rule in egress.virtualServices where !rule.spec.http.isEmpty {
      for host in Set(rule.spec.hosts) where !seen.insert(host).inserted {
        let ports = byHost[host]?.ports.filter(\.protocol.isHTTPOrSniffed).map(\.number) ?? [80]
        for port in ports {
          note(
            .duplicateDomains, "\(host):\(port)",
            "duplicate domain from virtual service \(rule.meta.namespace)/\(rule.meta.name): "
              + "\(host):\(port)", proxy: proxy)
        }
      }
    }
  }

  /// TCP services that have one address and port, or one port and no address, have one listener.
  private mutating func noteRepeatedListeners(of services: [MeshService], proxy: String) {
    var first: [String: Hostname] = [:]
    for service in services where service.resolution != .alias && !service.isHeadless {
      let address = service.addresses.values.joined().first ?? "0.0.0.0"
      for port in service.ports where port.protocol.isTCP && !port.protocol.isTLS {
        let name = "\(address)_\(port.number)"
        guard let known = first[name] else {
          first[name] = service.hostname
          continue
        }
        guard known != service.hostname else { continue }
        note(
          .outboundListenerConflicts, name,
          "Listener=\(name) Accepted=\(known) Rejected=TCP (\(service.hostname))", proxy: proxy)
      }
    }
  }
}
