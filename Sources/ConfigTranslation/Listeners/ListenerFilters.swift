// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

extension Envoy.ListenerFilter {
  private static func typed(
    _ arena: Arena, _ name: String, _ config: some ProtobufMessage
  ) -> Envoy.ListenerFilter {
    Envoy.ListenerFilter(arena) {
      $0.name = "envoy.filters.listener." + name
      $0.typedConfig = .pack(config)
    }
  }

  /// Finds where a redirected connection wanted to.
  static func originalDestination(_ arena: Arena) -> Envoy.ListenerFilter {
    .typed(arena, "original_dst", Envoy.OriginalDst(arena))
  }

  /// Connects to the workload from the client's address (TPROXY).
  static func originalSource(_ arena: Arena) -> Envoy.ListenerFilter {
    .typed(arena, "original_src", Envoy.OriginalSrc(arena) { $0.mark = 1337 })
  }

  /// Reads the PROXY protocol.
  static func proxyProtocol(_ arena: Arena) -> Envoy.ListenerFilter {
    .typed(arena, "proxy_protocol", Envoy.ProxyProtocol(arena))
  }

  /// Finds out whether a client begins with TLS, and with which SNI and ALPN.
  static func tlsInspector(_ arena: Arena) -> Envoy.ListenerFilter {
    .typed(arena, "tls_inspector", Envoy.TlsInspector(arena) { $0.initialReadBufferSize = 512 })
  }

  /// Finds out whether a client speaks HTTP.
  static func httpInspector(_ arena: Arena) -> Envoy.ListenerFilter {
    .typed(arena, "http_inspector", Envoy.HttpInspector(arena))
  }
}

extension Envoy.ListenerFilterChainMatchPredicate {
  /// Connections to one of `ports`, which are not none.
  static func ports(_ ports: [UInt32], in arena: Arena) -> Envoy.ListenerFilterChainMatchPredicate {
    let rules = ports.map { port in
      Envoy.ListenerFilterChainMatchPredicate(arena) { rule in
        rule.destinationPortRange = rule.make(Envoy.Int32Range.self) {
          $0.start = Int32(port)
          $0.end = Int32(port) + 1
        }
      }
    }
    guard rules.count != 1 else { return rules[0] }
    return Envoy.ListenerFilterChainMatchPredicate(arena) { rule in
      rule.orMatch = rule.make(Envoy.ListenerFilterChainMatchPredicate.MatchSet.self) {
        $0.rules = .init(rules)
      }
    }
  }

  /// Connections to none of `ports`.
  static func notPorts(
    _ ports: [UInt32], in arena: Arena
  ) -> Envoy.ListenerFilterChainMatchPredicate {
    Envoy.ListenerFilterChainMatchPredicate(arena) { $0.notMatch = .ports(ports, in: arena) }
  }
}
