// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON

/// A service that a proxy's workload is behind, and the port it takes its requests on.
public struct ServiceTarget: Hashable, Sendable {
  /// The service.
  public var service: MeshService
  /// The service's port.
  public var port: ServicePort
  /// The workload's port.
  public var targetPort: UInt32
}

/// What a proxy tells of itself that says which workload it stands beside.
public struct ProxyPlace: Hashable, Sendable {
  /// Its addresses, the main one first.
  public var addresses: [String]
  /// Its namespace.
  public var namespace: String
  /// The name of its Pod, where it knows it.
  public var podName: String
  /// The labels that it says it has: used while its Pod is not known.
  public var labels: [String: String]
  /// The ports of its Pod by name: used while its Pod is not known.
  public var podPorts: [String: UInt32]
  /// The cluster that it runs in; the control plane's where that is no other.
  public var cluster = ""

  /// A proxy at `addresses`.
  public init(
    addresses: [String], namespace: String, podName: String = "", labels: [String: String] = [:],
    podPorts: [String: UInt32] = [:]
  ) {
    self.addresses = addresses
    self.namespace = namespace
    self.podName = podName
    self.labels = labels
    self.podPorts = podPorts
  }
}

extension ServiceRegistry {
  /// The Pod that a proxy stands beside: that of its name, else one at its address.
  ///
  /// istiod goes by the name alone unless told otherwise, since its agent knows it; a bare Envoy may not.
  public func pod(of place: ProxyPlace) -> WorkloadIndex.Entry? {
    let sources = sources.near(place.cluster)
    if let named = sources.workloads[.init(place.namespace, place.podName)] { return named }
    guard let address = place.addresses.first else { return nil }
    let here = sources.workloads.pods(at: address).filter {
      $0.pod.meta.namespace == place.namespace
    }
    return here.first
  }

  /// The workload outside of Kubernetes that a proxy stands beside, if a ServiceEntry has it.
  public func externalWorkload(of place: ProxyPlace) -> Workload? {
    for address in place.addresses {
      for service in externalServices(at: address) where service.namespace == place.namespace {
        let found = endpointsByService[service.key]?.first {
          $0.servicePort != 0 && $0.addresses.contains(address)
        }
        if let found { return found.workload }
      }
    }
    return nil
  }

  /// The services that a proxy's workload is behind, the oldest first, then by host.
  ///
  /// Two ports of a service that lead to one port and protocol are one target.
  public func targets(of place: ProxyPlace) -> [ServiceTarget] {
    let found = kubernetesTargets(of: place) + externalTargets(of: place)
    return found.enumerated().sorted { left, right in
      let (one, other) = (left.element.service, right.element.service)
      let (age, otherAge) = (one.creationTime ?? .min, other.creationTime ?? .min)
      return (age, one.hostname.text, left.offset) < (otherAge, other.hostname.text, right.offset)
    }.map(\.element)
  }

  private func kubernetesTargets(of place: ProxyPlace) -> [ServiceTarget] {
    let near = sources.near(place.cluster)
    guard let address = place.addresses.first else { return [] }
    if let entry = sources.external(at: address, namespace: place.namespace) {
      return targets(namespace: entry.namespace, labels: entry.workload.facts.labels, near) {
        KubernetesEndpoints.target(of: $0, at: entry)
      }
    }
    if let pod = pod(of: place) {
      let selected = targets(namespace: place.namespace, labels: pod.pod.meta.labels, near) {
        Pods.targetPort($0, of: pod.pod)
      }
      return selected.isEmpty ? targetsBySlices(at: address, namespace: place.namespace) : selected
    }
    guard !place.labels.isEmpty else { return [] }
    return targets(namespace: place.namespace, labels: place.labels, near) { port in
      switch port.targetPort {
      case .string(let name)?: place.podPorts[name]
      case .integer(let number)? where number > 0: UInt32(exactly: number)
      default: UInt32(exactly: port.port)
      }
    }
  }

  /// The ports of the services of `namespace` that select `labels`; `find` says where each leads.
  private func targets(
    namespace: String, labels: [String: String], _ sources: ServiceSources,
    find: (Kubernetes.ServicePort) -> UInt32?
  ) -> [ServiceTarget] {
    services(namespace: namespace).flatMap { service -> [ServiceTarget] in
      guard service.registry == .kubernetes, !service.selector.isEmpty,
        selects(service.selector, labels),
        let object = sources.object(of: service)
      else { return [] }
      let found = zip(object.spec.spec?.ports ?? [], service.ports).compactMap { declared, port in
        find(declared).map { ServiceTarget(service: service, port: port, targetPort: $0) }
      }
      return unique(found)
    }
  }

  /// The targets of a Pod that no selector takes: EndpointSlices made by hand.
  private func targetsBySlices(at address: String, namespace: String) -> [ServiceTarget] {
    services(namespace: namespace).flatMap { service -> [ServiceTarget] in
      guard service.registry == .kubernetes else { return [] }
      return (endpointsByService[service.key] ?? []).compactMap { endpoint in
        guard endpoint.servicePort == 0, endpoint.addresses.first == address,
          let port = service.port(named: endpoint.portName)
        else { return nil }
        return ServiceTarget(service: service, port: port, targetPort: endpoint.port)
      }
    }
  }

  private func externalTargets(of place: ProxyPlace) -> [ServiceTarget] {
    place.addresses.flatMap { address in
      externalServices(at: address).filter { $0.namespace == place.namespace }.flatMap { service in
        (endpointsByService[service.key] ?? []).compactMap { endpoint in
          guard endpoint.servicePort != 0, endpoint.addresses.contains(address),
            let port = service.ports.first(where: endpoint.serves)
          else { return nil }
          return ServiceTarget(service: service, port: port, targetPort: endpoint.port)
        }
      }
    }
  }

  private func unique(_ targets: [ServiceTarget]) -> [ServiceTarget] {
    struct Port: Hashable {
      var number: UInt32
      var `protocol`: PortProtocol
    }
    var seen: Set<Port> = []
    return targets.filter {
      seen.insert(Port(number: $0.targetPort, protocol: $0.port.protocol)).inserted
    }
  }
}
