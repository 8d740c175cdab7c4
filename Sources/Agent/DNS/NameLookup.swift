// SPDX-License-Identifier: Apache-2.0

/// The mesh's table of names (`istio.networking.nds.v1.NameTable`), and how a workload may say them.
///
/// A service of Kubernetes can be said by its short forms too, as in its own namespace; and every name
/// with the first search domain behind it, which spares clients the walk through their search list
/// (Istio's `pkg/dns/client`). Short forms are found by asking, so that the table is kept once.
struct NameLookup: Sendable {
  /// What the table says of a host.
  struct Entry: Equatable, Sendable {
    var addresses: [String]
    /// The registry that it comes from, `Kubernetes` or `External`.
    var registry: String
    var shortName = ""
    var namespace = ""
  }

  /// Who asks.
  struct Client: Equatable, Sendable {
    /// The workload's namespace.
    var namespace: String
    /// The domain of its node id, such as `default.svc.cluster.local`.
    var domain: String
    /// The search domains of its resolv.conf.
    var search: [String] = []
  }

  private struct Host {
    var addresses4: [[UInt8]] = []
    var addresses6: [[UInt8]] = []
    var shortName = ""
    var namespace = ""
    var isKubernetes = false
  }

  /// By name in lower case, without the dot at its end.
  private var hosts: [String: Host] = [:]
  private let namespace: String
  /// The cluster's domain of services, such as `svc.cluster.local`.
  private let domain: String
  /// The first search domain, empty where there is none.
  private let search: String

  /// A lookup in a table for a client.
  init(_ table: [String: Entry], for client: Client) {
    namespace = client.namespace
    let prefix = client.namespace + "."
    domain =
      client.domain.hasPrefix(prefix)
      ? String(client.domain.dropFirst(prefix.utf8.count)) : client.domain
    search = client.search.first ?? ""
    for (name, entry) in table {
      var host = Host(shortName: entry.shortName, namespace: entry.namespace)
      for text in entry.addresses {
        guard let address = IPAddress(text) else { continue }
        if address.bytes.count == 4 {
          host.addresses4.append(address.bytes)
        } else {
          host.addresses6.append(address.bytes)
        }
      }
      guard !host.addresses4.isEmpty || !host.addresses6.isEmpty else { continue }
      host.isKubernetes = entry.registry == "Kubernetes"
      hosts[NameLookup.key(name)] = host
    }
  }

  /// How many hosts can be told.
  var count: Int { hosts.count }

  /// The answer to a question; nil where the table has nothing to say of it.
  func reply(_ name: String, kind: UInt16) -> DNSReply? {
    guard kind == DNSQuery.Kind.address || kind == DNSQuery.Kind.address6 else { return nil }
    let name = NameLookup.key(name)
    guard let found = find(name) ?? wildcard(name) else { return nil }
    var reply = DNSReply(isOurs: true)
    let isOld = kind == DNSQuery.Kind.address
    reply.addresses = (isOld ? found.host.addresses4 : found.host.addresses6).shuffled()
    if !reply.addresses.isEmpty { reply.alias = found.alias }
    return reply
  }

  /// The host of a name as it stands, or with the search domain behind it; in the second case the name
  /// that it then stands for.
  private func find(_ name: String) -> (host: Host, alias: String?)? {
    if let host = said(name) { return (host, nil) }
    guard !search.isEmpty, name.hasSuffix("." + search) else { return nil }
    let base = String(name.dropLast(search.utf8.count + 1))
    guard let host = said(base), base != search, !base.hasSuffix("." + search) else { return nil }
    return (host, base + ".")
  }

  /// The host of a name in one of its forms.
  private func said(_ name: String) -> Host? {
    if let host = hosts[name] { return host }
    guard !domain.isEmpty, !name.isEmpty else { return nil }
    // `reviews.default`, and `reviews.default.svc`.
    for form in [name, shortened(name)].compactMap(\.self) {
      if let host = hosts["\(form).\(domain)"], host.isKubernetes,
        form == "\(host.shortName).\(host.namespace)"
      {
        return host
      }
    }
    // `reviews`, where it is a service of the workload's own namespace.
    if let host = hosts["\(name).\(namespace).\(domain)"], host.isKubernetes,
      host.namespace == namespace, name == host.shortName
    {
      return host
    }
    return nil
  }

  /// A name without the first label of the cluster's domain (`svc`) at its end.
  private func shortened(_ name: String) -> String? {
    let label = domain.prefix { $0 != "." }
    return name.hasSuffix("." + label) ? String(name.dropLast(label.utf8.count + 1)) : nil
  }

  /// The host of the most specific wildcard that covers a name.
  private func wildcard(_ name: String) -> (host: Host, alias: String?)? {
    var rest = name[...]
    while let dot = rest.firstIndex(of: ".") {
      rest = rest[rest.index(after: dot)...]
      if let found = find("*." + rest) { return (found.host, nil) }
    }
    return hosts["*"].map { ($0, nil) }
  }

  private static func key(_ name: String) -> String {
    let lower = name.lowercased()
    return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
  }
}
