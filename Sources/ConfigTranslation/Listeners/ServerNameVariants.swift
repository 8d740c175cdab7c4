// SPDX-License-Identifier: Apache-2.0

/// The shorter names under which clients beside a proxy may know a host, as SNI has them.
enum ServerNameVariants {
  /// The names besides `host` itself, for a proxy whose DNS domain is `domain`.
  static func names(of host: String, seenFrom domain: String) -> [String] {
    let absolute = [host + "."]
    let marker = ".svc."
    guard let proxySuffix = domain.firstRange(of: marker) else { return absolute }
    guard host.hasSuffix(domain[proxySuffix.lowerBound...]),
      let suffix = host.firstRange(of: marker), let dot = host.firstIndex(of: "."),
      host.index(after: dot) < suffix.lowerBound
    else { return absolute }
    let qualified = String(host[..<suffix.lowerBound])
    let namespace = host[host.index(after: dot)..<suffix.lowerBound]
    guard namespace == domain[..<proxySuffix.lowerBound] else {
      return absolute + [qualified, qualified + ".svc"]
    }
    return absolute + [String(host[..<dot]), qualified + ".svc", qualified]
  }
}
