// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// The addresses that the mesh gives to hosts of ServiceEntries that have none.
///
/// Hosts get the lowest free place in 240.240.0.0/16 and 2001:2::/48, the oldest entry first; a host
/// that had a place keeps it, whatever comes or goes.
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

  private var places: [Owner: UInt32] = [:]

  /// No addresses.
  public init() {}

  /// The addresses of the hosts of `entries`, where `previous` gave out some before.
  public init(
    entries: [ConfigObject<Istio.ServiceEntry>], previous: AddressAllocation = .init()
  ) {
    let owners = entries.filter(Self.wantsAddresses).sorted { $0.meta.isOlder(than: $1.meta) }
      .flatMap { entry in
        entry.spec.hosts
          .filter { !$0.hasPrefix("*") || entry.spec.resolution == .dynamicDns }
          .map { Owner(namespace: entry.meta.namespace, entry: entry.meta.name, host: $0) }
      }
    for owner in owners { places[owner] = previous.places[owner] }
    var taken = Set(places.values)
    var next: UInt32 = 1
    for owner in owners where places[owner] == nil {
      while taken.contains(next) { next += 1 }
      // What does not fit the range goes without.
      guard next < 1 << 16 else { return }
      places[owner] = next
      taken.insert(next)
    }
  }

  /// The addresses of a host, IPv4 first; none where it has its own or wants none.
  public func addresses(of owner: Owner) -> [String] {
    guard let place = places[owner] else { return [] }
    let v4 = IPAddress(ipv4: 0xF0F0_0000 | place)
    let v6 = IPAddress(ipv6: 0x2001_0002 << 96 | UInt128(place))
    return [v4.description, v6.description]
  }

  /// Whether `object` has no addresses, can use some, and does not opt out.
  public static func wantsAddresses(_ object: ConfigObject<Istio.ServiceEntry>) -> Bool {
    let label = object.meta.labels["networking.istio.io/enable-autoallocate-ip"]
    return object.spec.addresses.isEmpty && object.spec.resolution != .none
      && label?.lowercased() != "false"
  }
}
