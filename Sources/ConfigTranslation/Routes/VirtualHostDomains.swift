// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// `host:port`, with an IPv6 address in brackets.
func joinHostPort(_ host: String, _ port: UInt32) -> String {
  host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
}

/// The names under which a proxy's clients may ask for a service.
struct VirtualHostDomains {
  /// The names, the full one first.
  private(set) var all: [String] = []
  /// Those that were not written by anyone: short names, and the name with a dot at its end.
  private(set) var made: Set<String> = []

  /// The names of `service` with its `aliases` and `addresses`.
  init(_ service: MeshService, addresses: [String], names: AlternativeNames) {
    for host in [service.hostname] + service.aliases.map(\.hostname) {
      all += names.withPort(host.text)
      let short = names.alternatives(of: host.text)
      all += short
      made.formUnion(short)
    }
    if service.isHeadless { all += all.map { "*." + $0 } }
    for address in addresses where address != "0.0.0.0" { all += names.withPort(address) }
  }
}

/// The other names by which a proxy's clients may call a host.
struct AlternativeNames {
  /// The port behind names as well; nil where ports do not count.
  let port: UInt32?
  /// The proxy's DNS domain, such as `default.svc.cluster.local`.
  private let proxyDomain: String
  /// Whether names with a dot at their end count (`PILOT_ENABLE_ABSOLUTE_FQDN_VHOST_DOMAIN`).
  private let hasAbsoluteNames: Bool

  /// The names as a proxy's clients use them.
  init(_ context: ProxyContext, port: UInt32? = nil) {
    self.port = port
    proxyDomain = context.node.dnsDomain
    hasAbsoluteNames = context.settings.feature(
      "PILOT_ENABLE_ABSOLUTE_FQDN_VHOST_DOMAIN", default: true)
  }

  /// The name, and the name with the port.
  fileprivate func withPort(_ name: String) -> [String] {
    let plain = name.utf8.contains(UInt8(ascii: ":")) ? "[\(name)]" : name
    guard let port else { return [plain] }
    return [plain, joinHostPort(name, port)]
  }

  /// The name with a dot at its end, and the short names, each with the port too.
  func alternatives(of host: String) -> [String] {
    var names: [String] = []
    if hasAbsoluteNames {
      if IPAddress(host) == nil { names.append(host + ".") }
      if let port { names.append(joinHostPort(host + ".", port)) }
    }
    if let service = proxyDomain.endOfNamespace {
      guard host.hasSuffix(proxyDomain[service...]) else { return names }
      return names + kubernetesNames(host, own: proxyDomain[..<service])
    }
    return names + sharedNames(host)
  }

  /// `reviews`, `reviews.default.svc`, `reviews.default` as far as the proxy's namespace allows.
  private func kubernetesNames(_ host: String, own namespace: Substring) -> [String] {
    guard let service = host.endOfNamespace, service > host.startIndex,
      let dot = host.utf8.firstIndex(of: UInt8(ascii: ".")), dot < service
    else { return [] }
    let qualified = host[..<service]
    let names: [String]
    if host[host.utf8.index(after: dot)..<service] == namespace {
      names = [String(host[..<dot]), qualified + ".svc", String(qualified)]
    } else {
      names = [String(qualified), qualified + ".svc"]
    }
    return names.flatMap(withPort)
  }

  /// Names without the part of a domain that proxy and service share.
  private func sharedNames(_ host: String) -> [String] {
    let parts = host.labels
    let domain = proxyDomain.labels
    let shared = zip(parts.reversed(), domain.reversed()).prefix { $0 == $1 }.count
    guard shared > 0 else { return [] }
    let unique = parts.dropLast(shared)
    let name = unique.joined(separator: ".")
    var names = withPort(name)
    if unique.count == 2 { names += withPort("\(name).\(parts[unique.endIndex])") }
    return names
  }
}

/// Domains that virtual hosts of one configuration have taken: Envoy refuses one given twice.
struct TakenDomains {
  private var taken: Set<String> = []
  /// The full names of all services: a made name never stands in for one.
  private let fullNames: Set<String>

  init(fullNames: Set<String>) { self.fullNames = fullNames }

  /// Takes those of `domains` that are free.
  mutating func take(_ domains: [String], made: Set<String> = []) -> [String] {
    domains.filter { domain in
      let key = domain.lowercased()
      if taken.contains(key) || made.contains(domain) && fullNames.contains(domain) { return false }
      taken.insert(key)
      return true
    }
  }
}

extension String {
  /// Where `.svc.` begins first.
  fileprivate var endOfNamespace: String.Index? {
    var place = utf8.startIndex
    while let dot = utf8[place...].firstIndex(of: UInt8(ascii: ".")) {
      if utf8[dot...].starts(with: ".svc.".utf8) { return dot }
      place = utf8.index(after: dot)
    }
    return nil
  }

  /// What stands between dots.
  fileprivate var labels: [Substring] {
    utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .map { Substring($0) }
  }
}
