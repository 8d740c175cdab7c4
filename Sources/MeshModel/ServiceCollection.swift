// SPDX-License-Identifier: Apache-2.0

import ServiceDiscovery

/// Services by host, a host once, as a Sidecar's listeners add them in order.
struct ServiceCollection {
  private(set) var services: [MeshService] = []
  private var places: [Hostname: Int] = [:]

  /// Adds a service.
  ///
  /// Of one host, Kubernetes' service wins over a ServiceEntry's; else the first stays, with the
  /// ports added that another listener imported of it, or that an equal entry declares.
  mutating func add(_ service: MeshService) {
    guard let place = places[service.hostname] else {
      places[service.hostname] = services.count
      services.append(service)
      return
    }
    let known = services[place]
    switch (known.registry, service.registry) {
    case (.kubernetes, .external): return
    case (.external, .kubernetes): services[place] = service
    default: mergePorts(of: service, into: place)
    }
  }

  private mutating func mergePorts(of service: MeshService, into place: Int) {
    let known = services[place]
    guard known.key == service.key, known.resolution == service.resolution,
      known.ports != service.ports, known.registry == service.registry,
      known.labels == service.labels, known.selector == service.selector,
      known.exportTo == service.exportTo
    else { return }
    let numbers = Set(known.ports.map(\.number))
    services[place].ports += service.ports.filter { !numbers.contains($0.number) }
  }
}
