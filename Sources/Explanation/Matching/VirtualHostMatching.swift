// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

extension Envoy.RouteConfiguration {
  /// The virtual host of an authority, and the domain by which it is found: the exact name, else the
  /// longest ending, else the longest beginning, else `*` (Envoy's order).
  func virtualHost(for authority: String) -> (host: Envoy.VirtualHost, domain: String)? {
    let name = hostName(of: authority)
    var best: (host: Envoy.VirtualHost, domain: String, rank: Int)?
    for host in virtualHosts {
      for domain in host.domains {
        guard let rank = rank(of: domain.lowercased(), for: name), rank > best?.rank ?? -1 else {
          continue
        }
        best = (host, domain, rank)
      }
    }
    return best.map { ($0.host, $0.domain) }
  }

  /// Why a virtual host that is not chosen is not.
  func reason(against host: Envoy.VirtualHost, for authority: String) -> Mismatch {
    let name = hostName(of: authority)
    let wide = host.domains.first { rank(of: $0.lowercased(), for: name) != nil }
    return wide.map { "its domain \($0) means \(name) less closely" }
      ?? "none of its domains means \(name)"
  }

  /// The host that is looked for.
  private func hostName(of authority: String) -> String {
    let name = authority.lowercased()
    return ignorePortInHostMatching ? withoutPort(name) : name
  }

  /// How closely a domain means a name; nil where it does not.
  private func rank(of domain: String, for name: String) -> Int? {
    let length = domain.utf8.count
    if domain == name { return 3_000_000 }
    if domain == "*" { return 0 }
    if domain.hasPrefix("*"), name.utf8.count >= length, name.hasSuffix(domain.dropFirst()) {
      return 2_000_000 + length
    }
    if domain.hasSuffix("*"), name.utf8.count >= length, name.hasPrefix(domain.dropLast()) {
      return 1_000_000 + length
    }
    return nil
  }
}

/// An authority without `:port`; the colons of an address in brackets are none.
func withoutPort(_ authority: String) -> String {
  guard let colon = authority.lastIndex(of: ":"),
    authority.lastIndex(of: "]").map({ $0 < colon }) ?? true,
    !authority[authority.index(after: colon)...].isEmpty,
    authority[authority.index(after: colon)...].allSatisfy(\.isNumber)
  else { return authority }
  return String(authority[..<colon])
}
