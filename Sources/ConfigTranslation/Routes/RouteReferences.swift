// SPDX-License-Identifier: Apache-2.0

import Bytes
public import EnvoyAPI

/// What listeners refer to.
public enum RouteReferences {
  /// The names of the route configurations that a listener asks for by RDS, in order.
  public static func routes(of listener: EncodedResource) -> [String] {
    listener.packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        guard let message = try? Envoy.Listener(unpacking: bytes, in: arena) else { return [] }
        let standard = message.defaultFilterChain.map { [$0] } ?? []
        return (Array(message.filterChains) + standard).flatMap { names(of: $0, in: arena) }
      }
    }
  }

  private static func names(of chain: Envoy.FilterChain, in arena: Arena) -> [String] {
    chain.filters.compactMap { filter in
      filter.typedConfig?.unpack(Envoy.HttpConnectionManager.self, in: arena)?.rds?.routeConfigName
    }
  }
}
