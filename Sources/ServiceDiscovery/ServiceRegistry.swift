// SPDX-License-Identifier: Apache-2.0

/// The services of a cluster with their endpoints.
public struct ServiceRegistry: Sendable {
  /// The services, the oldest first; where objects declare one host in one namespace, all of them.
  public let services: [MeshService]
  /// Tells these services from others.
  public let servicesTag: Tag
  /// Tells the identities behind services from others.
  public private(set) var identitiesTag = Tag()
  /// Tells the endpoints of services that clients reach at their endpoints' own addresses.
  public private(set) var directTag = Tag()
  /// The main addresses of these endpoints.
  public private(set) var directAddresses: Set<String> = []
  /// Tells all endpoints from others.
  public private(set) var endpointsTag = Tag()
  /// What led to these endpoints from others; nil where any may differ from what was before.
  public private(set) var endpointsStep: EndpointsStep?
  /// The endpoints of each service.
  public private(set) var endpointsByService: [ServiceKey: [MeshEndpoint]]
  private var identitiesByService: [ServiceKey: [String]] = [:]
  /// The objects that all of it is made of.
  public private(set) var sources: ServiceSources
  /// The Services of other clusters that are reached from outside of them, each as its cluster has it.
  public let remoteEntrances: [MeshService]
  private let byHostname: [Hostname: [String: Int]]
  private let byNamespace: [String: [Int]]
  private var externalByAddress: [String: [ServiceKey]] = [:]

  /// The services and endpoints of `sources`; of `previous` is kept what is equal, so that it is known
  /// again by its identity.
  public init(_ sources: ServiceSources, previous: ServiceRegistry? = nil) {
    self.sources = sources
    let made = Self.resolveAliases(sources.services().sorted { $0.isOlder(than: $1) })
    services = made.map { service in
      previous?.service(service.key).flatMap { $0 == service ? $0 : nil } ?? service
    }
    remoteEntrances = sources.remoteEntrances
    let areSame =
      previous?.services == services && previous?.remoteEntrances == remoteEntrances
    servicesTag = areSame ? previous?.servicesTag ?? Tag() : Tag()
    var byHostname: [Hostname: [String: Int]] = [:]
    var byNamespace: [String: [Int]] = [:]
    for (index, service) in services.enumerated() {
      byNamespace[service.namespace, default: []].append(index)
      if let known = byHostname[service.hostname]?[service.namespace],
        services[known].registry == .kubernetes || service.registry == .external
      {
        continue
      }
      byHostname[service.hostname, default: [:]][service.namespace] = index
    }
    self.byHostname = byHostname
    self.byNamespace = byNamespace
    endpointsByService = [:]
    let kept = previous.flatMap { EndpointReuse($0, sources) }
    for service in counting {
      let endpoints = kept?.endpoints(of: service) ?? sources.endpoints(of: service)
      if !endpoints.isEmpty { endpointsByService[service.key] = endpoints }
      indexIdentities(of: service)
    }
    indexExternal()
    indexDirect()
    keepTags(of: previous)
  }

  /// The same services, with the endpoints of `touched` made anew from `sources`.
  ///
  /// For changes of endpoints only; `sources` declares the same services.
  public func rebuildingEndpoints(
    of touched: Set<ServiceKey>, from sources: ServiceSources
  ) -> ServiceRegistry {
    var registry = self
    registry.sources = sources
    var changed: Set<ServiceKey> = []
    var (isDirect, isExternal, isIdentity) = (false, false, false)
    for key in touched {
      guard let service = service(key) else { continue }
      let (before, identities) = (endpointsByService[key] ?? [], identitiesByService[key])
      let endpoints = sources.endpoints(of: service)
      guard endpoints != before else { continue }
      changed.insert(key)
      registry.endpointsByService[key] = endpoints.isEmpty ? nil : endpoints
      registry.indexIdentities(of: service)
      isIdentity = isIdentity || registry.identitiesByService[key] != identities
      isDirect = isDirect || service.isDirect
      isExternal = isExternal || (before + endpoints).contains { $0.servicePort != 0 }
    }
    guard !changed.isEmpty else { return registry }
    if isExternal { registry.reindexExternal(of: changed, after: self) }
    if isIdentity { registry.identitiesTag = Tag() }
    if isDirect {
      registry.indexDirect()
      registry.directTag = Tag()
    }
    registry.endpointsTag = Tag()
    registry.endpointsStep = EndpointsStep(from: endpointsTag, services: changed)
    return registry
  }

  /// The services that count, one of each key.
  private var counting: [MeshService] {
    services.indices.filter { index in
      byHostname[services[index].hostname]?[services[index].namespace] == index
    }.map { services[$0] }
  }

  /// The service `key`: of several, the Kubernetes Service, else the oldest entry's.
  public func service(_ key: ServiceKey) -> MeshService? {
    place(of: key).map { services[$0] }
  }

  private func place(of key: ServiceKey) -> Int? { byHostname[key.hostname]?[key.namespace] }

  /// The services of `hostname`, by namespace.
  public func services(hostname: Hostname) -> [String: MeshService] {
    (byHostname[hostname] ?? [:]).mapValues { services[$0] }
  }

  /// The services of `namespace`, the oldest first.
  public func services(namespace: String) -> [MeshService] {
    (byNamespace[namespace] ?? []).map { services[$0] }
  }

  /// All endpoints behind `port` of `service`, whatever their health.
  public func endpoints(of service: ServiceKey, port: ServicePort) -> [MeshEndpoint] {
    (endpointsByService[service] ?? []).filter { $0.serves(port) }
  }

  /// The endpoints in EndpointSlices that are left out until their Pod is known.
  public func endpointsAwaitingPods() -> [(service: MeshService, address: String)] {
    services.flatMap { service in
      sources.addressesAwaitingPods(of: service).map { (service, $0) }
    }
  }

  /// The identities of a service's workloads and those that it declares, sorted.
  public func identities(of service: ServiceKey) -> [String] {
    identitiesByService[service] ?? []
  }

  /// Takes over the tags of what did not change.
  private mutating func keepTags(of previous: ServiceRegistry?) {
    guard let previous else { return }
    if identitiesByService == previous.identitiesByService {
      identitiesTag = previous.identitiesTag
    }
    if endpointsByService == previous.endpointsByService { endpointsTag = previous.endpointsTag }
    let isSame = services.allSatisfy { service in
      !service.isDirect
        || endpointsByService[service.key] == previous.endpointsByService[service.key]
    }
    if isSame, servicesTag == previous.servicesTag { directTag = previous.directTag }
  }

  private mutating func indexDirect() {
    directAddresses = []
    for service in services where service.isDirect {
      for endpoint in endpointsByService[service.key] ?? [] {
        if let address = endpoint.addresses.first { directAddresses.insert(address) }
      }
    }
  }

  private mutating func indexIdentities(of service: MeshService) {
    var found = Set(service.serviceAccounts)
    for endpoint in endpointsByService[service.key] ?? [] {
      found.insert(endpoint.workload.facts.serviceAccount)
    }
    found.remove("")
    identitiesByService[service.key] = found.isEmpty ? nil : found.sorted()
  }

  /// The services of ServiceEntries that have an endpoint at `address`.
  func externalServices(at address: String) -> [MeshService] {
    (externalByAddress[address] ?? []).compactMap(service)
  }

  private mutating func indexExternal() {
    externalByAddress = [:]
    for service in counting {
      for address in externalAddresses(of: service.key) {
        externalByAddress[address, default: []].append(service.key)
      }
    }
  }

  /// The same after the endpoints of some services have changed.
  private mutating func reindexExternal(
    of changed: Set<ServiceKey>, after previous: ServiceRegistry
  ) {
    for key in changed {
      guard let place = place(of: key) else { continue }
      for address in previous.externalAddresses(of: key) {
        externalByAddress[address]?.removeAll { $0 == key }
        if externalByAddress[address]?.isEmpty ?? false { externalByAddress[address] = nil }
      }
      for address in externalAddresses(of: key) {
        var keys = externalByAddress[address] ?? []
        let index = keys.firstIndex { self.place(of: $0) ?? 0 > place } ?? keys.count
        keys.insert(key, at: index)
        externalByAddress[address] = keys
      }
    }
  }

  /// The addresses at which a service is declared by ServiceEntries.
  private func externalAddresses(of service: ServiceKey) -> Set<String> {
    var addresses: Set<String> = []
    for endpoint in endpointsByService[service] ?? [] where endpoint.servicePort != 0 {
      addresses.formUnion(endpoint.addresses)
    }
    return addresses
  }

  /// Gives each service the names of the ExternalNames that lead to it, over any number of steps.
  private static func resolveAliases(_ services: [MeshService]) -> [MeshService] {
    let aliases = services.filter { $0.resolution == .alias }
    guard !aliases.isEmpty else { return services }
    let next = Dictionary(aliases.map { ($0.hostname.text, $0.externalName) }) { first, _ in first }
    var names: [String: [ServiceKey]] = [:]
    for alias in aliases {
      var seen: Set<String> = [alias.hostname.text]
      var target = alias.externalName
      // A loop of names leads nowhere.
      while let further = next[target], seen.insert(target).inserted { target = further }
      if next[target] == nil { names[target, default: []].append(alias.key) }
    }
    return services.map { service in
      guard let found = names[service.hostname.text] else { return service }
      var service = service
      service.aliases = found.sorted {
        ($0.namespace, $0.hostname.text) < ($1.namespace, $1.hostname.text)
      }
      return service
    }
  }
}

extension MeshService {
  /// Whether clients may connect to its endpoints' own addresses.
  fileprivate var isDirect: Bool { resolution == .passthrough }
}

/// A step from the endpoints of one registry to those of the next.
public struct EndpointsStep: Sendable {
  /// Tells the endpoints before it from others.
  public let from: Tag
  /// The services whose endpoints differ; those of all others are the same.
  public let services: Set<ServiceKey>
}

/// The endpoints of an earlier registry, where nothing that they are made of differs.
private struct EndpointReuse {
  private let previous: ServiceRegistry
  private let sources: ServiceSources

  /// Nil where all endpoints may differ.
  init?(_ previous: ServiceRegistry, _ sources: ServiceSources) {
    guard sources.hasSameWorkloads(as: previous.sources) else { return nil }
    self.previous = previous
    self.sources = sources
  }

  /// The endpoints of a service; nil where they must be made.
  func endpoints(of service: MeshService) -> [MeshEndpoint]? {
    guard let known = previous.service(service.key), known.identity == service.identity,
      sources.hasSameDeclarations(of: service, as: previous.sources)
    else { return nil }
    return previous.endpointsByService[service.key] ?? []
  }
}
