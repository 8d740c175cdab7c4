// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a ServiceEntry.
  mutating func check(_ object: ConfigObject<Istio.ServiceEntry>, _ path: FieldPath) {
    let entry = object.spec
    require(
      entry.workloadSelector == nil || entry.endpoints.isEmpty, path["workloadSelector"],
      "does not go with endpoints")
    check(entry.workloadSelector, path["workloadSelector"])
    require(!entry.hosts.isEmpty, path["hosts"], "must have a host")
    for (index, host) in entry.hosts.enumerated() {
      require(host != "*", path["hosts"][index], "must not be *")
      guard host != "*" else { continue }
      wildcardDomain(host, path["hosts"][index])
      warn(
        entry.resolution != .dynamicDns && host.contains("*") && !host.hasPrefix("*."),
        path["hosts"][index], "partial wildcards are not supported")
    }
    addresses(entry, path["addresses"])
    ports(entry, hasAddresses: Names.hasAddresses(object), path["ports"])
    resolution(entry, path)
    let isPlainTCP = entry.ports.contains { !Names.tellsHosts($0.protocol) }
    require(
      entry.resolution == .none || entry.hosts.count < 2 || !isPlainTCP, path["hosts"],
      "several hosts cannot be told apart on ports without HTTP and TLS")
    require(
      entry.resolution != .dynamicDns || entry.location == .meshExternal
        || ["", "none"].contains(
          (object.meta.labels["istio.io/use-waypoint"] ?? "").lowercased()),
      path["location"],
      "must be MESH_EXTERNAL for DYNAMIC_DNS behind a waypoint")
    exportTo(entry.exportTo, namespace: object.meta.namespace, allowsNone: true, path["exportTo"])
  }

  private mutating func addresses(_ entry: Istio.ServiceEntry, _ path: FieldPath) {
    for (index, address) in entry.addresses.enumerated() {
      subnet(address, path[index])
      require(
        !address.contains("/") || [.none, .static].contains(entry.resolution), path[index],
        "ranges go with the resolutions NONE and STATIC only")
    }
  }

  private mutating func ports(
    _ entry: Istio.ServiceEntry, hasAddresses: Bool, _ path: FieldPath
  ) {
    var names: Set<String> = []
    var numbers: Set<UInt32> = []
    for (index, port) in entry.ports.enumerated() {
      let here = path[index]
      require(names.insert(port.name).inserted, here["name"], "is given twice")
      require(numbers.insert(port.number).inserted, here["number"], "is given twice")
      if port.targetPort != 0 { self.port(port.targetPort, here["targetPort"]) }
      portName(port.name, here["name"])
      require(
        port.protocol.isEmpty || Names.isProtocol(port.protocol), here["protocol"],
        "\"\(port.protocol)\" is no protocol")
      self.port(port.number, here["number"])
      warn(
        !hasAddresses && ["", "TCP"].contains(port.protocol), here["protocol"],
        "connections to a TCP port are told by addresses only, and the entry has none")
    }
  }

  private mutating func resolution(_ entry: Istio.ServiceEntry, _ path: FieldPath) {
    let names = Set(entry.ports.map(\.name))
    switch entry.resolution {
    case .none:
      require(entry.endpoints.isEmpty, path["endpoints"], "do not go with the resolution NONE")
      warn(
        entry.workloadSelector != nil, path["workloadSelector"],
        "has no effect with the resolution NONE")
    case .static:
      for (index, endpoint) in entry.endpoints.enumerated() {
        check(endpoint, ports: names, allowsNames: false, path["endpoints"][index])
      }
    case .dns, .dnsRoundRobin:
      if entry.endpoints.isEmpty {
        for (index, host) in entry.hosts.enumerated() { fqdn(host, path["hosts"][index]) }
      }
      require(
        entry.resolution == .dns || entry.endpoints.count < 2, path["endpoints"],
        "DNS_ROUND_ROBIN takes one endpoint only")
      for (index, endpoint) in entry.endpoints.enumerated() {
        let here = path["endpoints"][index]
        require(
          IPAddress(endpoint.address) != nil || Names.isDomain(endpoint.address), here["address"],
          "\"\(endpoint.address)\" is no IP address or domain name")
        labels(endpoint.labels, here["labels"])
        ports(of: endpoint, among: names, here["ports"])
      }
      warn(
        !entry.addresses.isEmpty && entry.hosts.count > 1
          && entry.ports.contains { Names.isTCP($0.protocol) },
        path["hosts"], "several hosts cannot be told apart by an address on a TCP port")
    case .dynamicDns: dynamicDNS(entry, path)
    }
  }

  private mutating func dynamicDNS(_ entry: Istio.ServiceEntry, _ path: FieldPath) {
    for (index, host) in entry.hosts.enumerated() {
      require(host.hasPrefix("*"), path["hosts"][index], "must be a wildcard for DYNAMIC_DNS")
    }
    require(entry.addresses.isEmpty, path["addresses"], "do not go with DYNAMIC_DNS")
    require(entry.endpoints.isEmpty, path["endpoints"], "do not go with DYNAMIC_DNS")
    for (index, port) in entry.ports.enumerated() {
      require(
        ["HTTP", "TLS", "GRPC", "HTTP2"].contains(port.protocol.uppercased()),
        path["ports"][index]["protocol"], "must be HTTP, HTTP2, GRPC or TLS for DYNAMIC_DNS")
    }
  }

  /// Checks a WorkloadEntry, or an endpoint of an entry whose ports are named `names`.
  mutating func check(
    _ entry: Istio.WorkloadEntry, ports names: Set<String>?, allowsNames: Bool, _ path: FieldPath
  ) {
    if entry.address.isEmpty {
      require(!entry.network.isEmpty, path["address"], "must be given")
      warn(!entry.network.isEmpty, path["address"], "is not given: its network's gateway is used")
    } else if entry.address.hasPrefix("unix://") {
      require(
        Names.isUnixSocket(entry.address), path["address"], "must be the absolute path of a file")
      require(entry.ports.isEmpty, path["ports"], "do not go with a Unix socket")
      require(names?.count ?? 1 == 1, path["address"], "goes with exactly one port of the service")
    } else if IPAddress(entry.address) == nil {
      require(
        allowsNames && Names.isDomain(entry.address), path["address"],
        "\"\(entry.address)\" is no IP address" + (allowsNames ? " or domain name" : ""))
    }
    ports(of: entry, among: names, path["ports"])
    labels(entry.labels, path["labels"])
  }

  private mutating func ports(
    of entry: Istio.WorkloadEntry, among names: Set<String>?, _ path: FieldPath
  ) {
    for (name, number) in entry.ports.sorted(by: { $0.key < $1.key }) {
      require(names?.contains(name) ?? true, path[name], "no port of the service has this name")
      portName(name, path[name])
      port(number, path[name])
    }
  }
}

extension Names {
  /// Whether an entry has addresses, its own or allocated ones.
  static func hasAddresses(_ object: ConfigObject<Istio.ServiceEntry>) -> Bool {
    let allocation = object.meta.labels["networking.istio.io/enable-autoallocate-ip"]
    return !object.spec.addresses.isEmpty
      || object.spec.resolution != .none && allocation?.lowercased() != "false"
  }

  /// Whether connections are all that is known of a protocol, TLS among them.
  static func isTCP(_ name: String) -> Bool {
    isProtocol(name) && !isHTTP(name) && name.lowercased() != "udp"
  }

  /// Whether a protocol tells which host a connection is for.
  static func tellsHosts(_ name: String) -> Bool {
    ["http", "http2", "grpc", "grpc-web", "http_proxy", "https", "tls"].contains(name.lowercased())
  }
}
