// SPDX-License-Identifier: Apache-2.0

import Flags
import MeshModel
import NameResolution

/// Whether and how names of network gateways are resolved.
struct GatewayNameOptions: Sendable {
  /// Whether they are (`RESOLVE_HOSTNAME_GATEWAYS`); else endpoints behind them are not reached
  /// through a gateway.
  var areResolved: Bool
  /// Asks the servers of `NAVARCH_NAMESERVERS` (`ADDRESS:PORT,…`), or those of `/etc/resolv.conf`.
  var resolver: NameResolver
  /// For how long answers hold; `NAVARCH_NAME_MIN_TTL` is the shortest.
  var lifetimes: NameCache.Lifetimes

  init(_ environment: [String: String], _ settings: MeshSettings) {
    areResolved = settings.feature("RESOLVE_HOSTNAME_GATEWAYS", default: true)
    let servers = environment["NAVARCH_NAMESERVERS"].map { text in
      text.split(separator: ",").map(String.init)
    }
    resolver = NameResolver(servers: servers.flatMap { $0.isEmpty ? nil : $0 })
    lifetimes = NameCache.Lifetimes()
    if let shortest = environment["NAVARCH_NAME_MIN_TTL"].flatMap(GoDuration.parse),
      shortest > .zero
    {
      lifetimes.shortest = shortest
    }
  }
}
