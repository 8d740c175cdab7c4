// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// The addresses that the mesh gives to hosts of ServiceEntries that have none.
///
/// A host keeps what its entry's status says, or what it had before; others get the lowest free
/// place, the oldest entry first. No address is given twice, nor one that an entry itself declares.
public struct AddressAllocation: Hashable, Sendable {
  /// One host of one entry.
  public struct Owner: Hashable, Sendable {
    /// The namespace of the entry.
    public var namespace: String
    /// The name of the entry.
    public var entry: String
    /// The host.
    public var host: String

    /// The host `host` of an entry.
    public init(namespace: String, entry: String, host: String) {
      self.namespace = namespace
      self.entry = entry
      self.host = host
    }
  }

  /// The ranges that addresses are taken from.
  public struct Ranges: Hashable, Sendable {
    /// Addresses of IPv4 (`PILOT_IP_AUTOALLOCATE_IPV4_PREFIX`).
    public var ipv4: IPRange?
    /// Addresses of IPv6 (`PILOT_IP_AUTOALLOCATE_IPV6_PREFIX`).
    public var ipv6: IPRange?

    /// No ranges: what entries report counts, and no host gets more.
    public static var reportedOnly: Ranges {
      var ranges = Ranges()
      (ranges.ipv4, ranges.ipv6) = (nil, nil)
      return ranges
    }

    /// Ranges as they are written; Istio's where nothing is, and none where it is no range.
    public init(ipv4: String? = nil, ipv6: String? = nil) {
      self.ipv4 = IPRange(ipv4 ?? "240.240.0.0/16")
      self.ipv6 = IPRange(ipv6 ?? "2001:2::/48")
    }
  }

  var given: [Owner: [IPAddress]] = [:]

  /// No addresses.
  public init() {}

  /// The addresses of the hosts of `entries`, where `previous` gave out some before.
  public init(
    entries: [ConfigObject<Istio.ServiceEntry>], previous: AddressAllocation = .init(),
    ranges: Ranges = .init()
  ) {
    let entries = entries.sorted { $0.meta.isOlder(than: $1.meta) }
    var taken = Set(entries.flatMap(\.spec.addresses).compactMap(IPAddress.init))
    var without: [Owner] = []
    for entry in entries where Self.wantsAddresses(entry) {
      for owner in Self.owners(in: entry) where given[owner] == nil {
        let reported = entry.status.addresses[owner.host]?.compactMap(IPAddress.init)
        let kept = reported ?? previous.given[owner] ?? []
        // Where one of them is another's, all are given anew, as istiod does.
        let own = kept.contains(where: taken.contains) ? [] : kept
        taken.formUnion(own)
        given[owner] = own
        if own.isEmpty { without.append(owner) }
      }
    }
    for range in [ranges.ipv4, ranges.ipv6] {
      guard let range else { continue }
      var next = range.address.bits
      for owner in without {
        guard let free = Self.take(after: &next, in: range, &taken) else { break }
        given[owner, default: []].append(free)
      }
    }
  }

  /// The next free address of a range; nil where it is used up.
  private static func take(
    after next: inout UInt128, in range: IPRange, _ taken: inout Set<IPAddress>
  ) -> IPAddress? {
    while true {
      next += 1
      let address =
        range.address.isIPv4
        ? IPAddress(ipv4: UInt32(truncatingIfNeeded: next)) : IPAddress(ipv6: next)
      guard range.contains(address) else { return nil }
      if taken.insert(address).inserted { return address }
    }
  }

  /// The hosts of an entry that can have addresses, in their order.
  public static func owners(in entry: ConfigObject<Istio.ServiceEntry>) -> [Owner] {
    entry.spec.hosts.filter { !$0.hasPrefix("*") || entry.spec.resolution == .dynamicDns }
      .map { Owner(namespace: entry.meta.namespace, entry: entry.meta.name, host: $0) }
  }

  /// The addresses of a host, IPv4 first; none where it has its own or wants none.
  public func addresses(of owner: Owner) -> [String] {
    let all = given[owner] ?? []
    return (all.filter(\.isIPv4) + all.filter { !$0.isIPv4 }).map(\.description)
  }

  /// Whether `object` has no addresses, can use some, and does not opt out.
  public static func wantsAddresses(_ object: ConfigObject<Istio.ServiceEntry>) -> Bool {
    let label = object.meta.labels["networking.istio.io/enable-autoallocate-ip"]
    return object.spec.addresses.isEmpty && object.spec.resolution != .none
      && label?.lowercased() != "false"
  }
}
