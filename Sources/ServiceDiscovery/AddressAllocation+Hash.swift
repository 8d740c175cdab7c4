// SPDX-License-Identifier: Apache-2.0

import Configuration

extension AddressAllocation {
  /// As many addresses as there are: 240.240.0.0/16 without those that end in 255.
  private static let placeCount: UInt32 = 256 * 254
  /// A prime below that, of the second hash.
  private static let prime: UInt32 = 65011

  /// The addresses of hosts by a hash of their names, in 240.240.0.0/16 and 2001:2::/48: what istiod
  /// gives without `PILOT_ENABLE_IP_AUTOALLOCATE`, the same in all of its replicas.
  ///
  /// Wildcards, and entries without resolution, get none. A place that is taken is left to the
  /// oldest entry; others find theirs by a second hash.
  init(hashing entries: [ConfigObject<Istio.ServiceEntry>]) {
    self.init()
    var places = [[Owner]?](repeating: nil, count: Int(Self.placeCount))
    var known: [String: Int] = [:]
    for entry in entries.sorted(by: { $0.meta.isOlder(than: $1.meta) })
    where entry.spec.addresses.isEmpty && entry.spec.resolution != .none {
      for host in entry.spec.hosts where !host.hasPrefix("*") {
        let key = "\(entry.meta.namespace)/\(host)"
        guard let place = known[key] ?? Self.freePlace(for: key, in: places) else { break }
        known[key] = place
        let owner = Owner(namespace: entry.meta.namespace, entry: entry.meta.name, host: host)
        places[place, default: []].append(owner)
      }
    }
    // The number of a place moves on by one at each that would end in 0.
    var number: UInt32 = 0
    for owners in places {
      number += 1
      guard let owners else { continue }
      if number % 255 == 0 { number += 1 }
      for owner in owners { given[owner] = Self.addresses(number / 255, number % 255) }
    }
  }

  /// The place of a name: by FNV-1a, then by steps of a second hash; nil where none is free.
  private static func freePlace(for key: String, in places: [[Owner]?]) -> Int? {
    let hash = key.utf8.reduce(2_166_136_261 as UInt32) { ($0 ^ UInt32($1)) &* 16_777_619 }
    if places[Int(hash % placeCount)] == nil { return Int(hash % placeCount) }
    let step = prime - hash % prime
    for turn in 1...placeCount {
      let place = Int((hash &+ turn &* step) % (placeCount - 1))
      if places[place] == nil { return place }
    }
    return nil
  }

  /// Both addresses of a number's two parts; the last group of IPv6 is their digits side by side.
  private static func addresses(_ third: UInt32, _ fourth: UInt32) -> [IPAddress] {
    let digits = (third == 0 ? "" : String(third, radix: 16)) + String(fourth, radix: 16)
    return ["240.240.\(third).\(fourth)", "2001:2::f0f0:\(digits)"].compactMap { IPAddress($0) }
  }
}

extension [[AddressAllocation.Owner]?] {
  fileprivate subscript(place: Int, default standard: [AddressAllocation.Owner])
    -> [AddressAllocation.Owner]
  {
    get { self[place] ?? standard }
    set { self[place] = newValue }
  }
}
