// SPDX-License-Identifier: Apache-2.0

import Flags
import StateDirectory

/// What the environment asks of the DNS proxy.
struct NameOptions: Sendable {
  /// Where it listens, `host:port` (`DNS_PROXY_ADDR`).
  var address: String
  var isParallel: Bool
  var timeout: Duration

  /// The options; nil where no DNS proxy is asked for (`ISTIO_META_DNS_CAPTURE` of sidecars,
  /// `ISTIO_META_ENABLE_DNS_SERVER` of gateways).
  init?(_ variables: Variables, role: String) throws(FlagError) {
    let isCaptured = try variables.truth("ISTIO_META_DNS_CAPTURE") && role == "sidecar"
    guard try variables.truth("ISTIO_META_ENABLE_DNS_SERVER") || isCaptured else { return nil }
    address = variables.text("DNS_PROXY_ADDR") ?? "localhost:15053"
    isParallel = try variables.truth("DNS_FORWARD_PARALLEL")
    timeout = try variables.duration("DNS_FORWARD_TIMEOUT") ?? .seconds(5)
  }

  /// The settings of the proxy, with the name servers of resolv.conf.
  ///
  /// `localhost` is IPv4's where a name server is of IPv4, and IPv6's where one is of IPv6.
  func settings(
    _ resolver: ResolverSettings, namespace: String, domain: String
  ) throws(FlagError) -> DNSProxy.Settings {
    let servers = resolver.servers.compactMap { text in
      // A zone (`fe80::1%eth0`) cannot be asked here.
      IPAddress(text).map { SocketAddress($0, 53) }
    }
    return DNSProxy.Settings(
      addresses: try listening(servers), servers: servers,
      client: NameLookup.Client(namespace: namespace, domain: domain, search: resolver.search),
      timeout: timeout, isParallel: isParallel)
  }

  private func listening(_ servers: [SocketAddress]) throws(FlagError) -> [SocketAddress] {
    guard let colon = address.lastIndex(of: ":"),
      let port = UInt16(address[colon...].dropFirst())
    else { throw FlagError("DNS_PROXY_ADDR is \"\(address)\", which is not HOST:PORT.") }
    var host = String(address[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    if host == "localhost" {
      let isOnly6 = !servers.isEmpty && servers.allSatisfy(\.address.isVersion6)
      let has6 = servers.contains { $0.address.isVersion6 }
      let old = SocketAddress(IPAddress(bytes: [127, 0, 0, 1]), port)
      let new = SocketAddress(
        IPAddress(bytes: [UInt8](repeating: 0, count: 15) + [1]), port)
      return (isOnly6 ? [] : [old]) + (has6 ? [new] : [])
    }
    guard let address = IPAddress(host.isEmpty ? "0.0.0.0" : host) else {
      throw FlagError("DNS_PROXY_ADDR is \"\(address)\", whose host is no IP address.")
    }
    return [SocketAddress(address, port)]
  }
}
