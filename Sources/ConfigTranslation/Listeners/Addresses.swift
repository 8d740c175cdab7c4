// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// The families of a proxy's own addresses.
struct AddressFamilies: Hashable, Sendable {
  var hasIPv4: Bool
  var hasIPv6: Bool
  /// Whether both are used together (`ISTIO_DUAL_STACK`).
  var isDualStackEnabled: Bool
  /// Whether proxies with IPv6 addresses only reach IPv4 all the same
  /// (`ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS`).
  var reachesIPv4 = false

  /// Whether the proxy has addresses of both.
  var isDual: Bool { hasIPv4 && hasIPv6 }
  /// Whether it has IPv6 addresses only.
  var isIPv6Only: Bool { hasIPv6 && !hasIPv4 }
  /// All addresses of the machine, the main one first.
  var wildcards: [String] { choose("0.0.0.0", "::") }
  /// The machine itself.
  var loopbacks: [String] { choose("127.0.0.1", "::1") }

  private func choose(_ ipv4: String, _ ipv6: String) -> [String] {
    if isIPv6Only { return [ipv6] }
    return isDual ? [ipv4, ipv6] : [ipv4]
  }

  /// The addresses of a family that the proxy has; names are none.
  ///
  /// For a proxy of both, those of the first address's family.
  func filter(_ addresses: [String]) -> [String] {
    let known = addresses.filter { text in
      guard let isIPv4 = text.isIPv4Address else { return false }
      return isIPv4 ? hasIPv4 : hasIPv6
    }
    guard isDual, let first = known.first else { return known }
    return known.filter { $0.isIPv4Address == first.isIPv4Address }
  }

  /// What names are resolved to.
  var lookupFamily: DNSLookupFamily {
    if isIPv6Only { return reachesIPv4 ? .all : .ipv6 }
    return isDual && isDualStackEnabled ? .all : .ipv4
  }
}

extension AddressFamilies {
  /// The families of a proxy's addresses; IPv4 where it tells none.
  init(of node: ProxyNode, settings: MeshSettings) {
    let isIPv4 = node.addresses.compactMap(\.isIPv4Address)
    hasIPv4 = isIPv4.contains(true) || isIPv4.isEmpty
    hasIPv6 = isIPv4.contains(false)
    isDualStackEnabled = settings.feature("ISTIO_DUAL_STACK", default: false)
    reachesIPv4 = settings.feature(
      "ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS", default: false)
  }
}

extension String {
  /// Whether an address, or a range, is of IPv4; nil for other texts.
  var isIPv4Address: Bool? { IPAddress(self)?.isIPv4 ?? IPRange(self)?.address.isIPv4 }
}

extension Envoy.Address {
  /// An address and a port, or the path of a Unix socket where the port is 0.
  static func socket(_ arena: Arena, _ address: String, port: UInt32) -> Envoy.Address {
    Envoy.Address(arena) { message in
      if port == 0 {
        let scheme = "unix://"
        message.pipe = message.make(Envoy.Pipe.self) {
          $0.path =
            address.hasPrefix(scheme) ? String(address.dropFirst(scheme.utf8.count)) : address
        }
      } else {
        message.socketAddress = message.make(Envoy.SocketAddress.self) {
          $0.address = address
          $0.portValue = port
        }
      }
    }
  }
}

extension Envoy.TypedExtensionConfig {
  /// An extension with its configuration.
  static func typed(
    _ arena: Arena, _ name: String, _ config: some ProtobufMessage
  ) -> Envoy.TypedExtensionConfig {
    Envoy.TypedExtensionConfig(arena) {
      $0.name = name
      $0.typedConfig = .pack(config)
    }
  }
}
