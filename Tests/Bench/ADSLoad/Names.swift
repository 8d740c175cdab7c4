// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Texts that thousands of proxies share, as numbers.
final class Names: Sendable {
  /// The names and versions of all resources.
  static let all = Names()

  private struct State {
    var numbers: [String: Int32] = [:]
    var texts: [String] = []
  }

  private let state = Mutex(State())

  /// The number of a text.
  func number(_ text: String) -> Int32 {
    state.withLock { state in
      if let known = state.numbers[text] { return known }
      let made = Int32(state.texts.count)
      state.texts.append(text)
      state.numbers[text] = made
      return made
    }
  }

  /// The text of a number.
  func text(_ number: Int32) -> String { state.withLock { $0.texts[Int(number)] } }
}

/// The types that a proxy asks for, in the order in which it does.
enum XDSType: Int, CaseIterable {
  case cluster, endpoint, listener, route

  private static let prefix = "type.googleapis.com/envoy.config."

  /// The type URL.
  var url: String {
    switch self {
    case .cluster: Self.prefix + "cluster.v3.Cluster"
    case .endpoint: Self.prefix + "endpoint.v3.ClusterLoadAssignment"
    case .listener: Self.prefix + "listener.v3.Listener"
    case .route: Self.prefix + "route.v3.RouteConfiguration"
    }
  }

  /// The type of a URL.
  init?(_ url: UnsafeRawBufferPointer) {
    guard let found = Self.allCases.first(where: { url.elementsEqual($0.url.utf8) }) else {
      return nil
    }
    self = found
  }

  /// What a proxy asks for because it has these resources: a cluster's endpoints, a listener's
  /// routes.
  func follower(of resource: UnsafeRawBufferPointer) -> [String] {
    switch self {
    case .cluster: Self.endpoints(of: resource)
    case .listener: Self.routes(of: resource)
    default: []
    }
  }

  /// `Cluster.type` (2) is EDS (3); `eds_cluster_config.service_name` (3.2), else `name` (1).
  private static func endpoints(of cluster: UnsafeRawBufferPointer) -> [String] {
    var name: String?
    var isEDS = false
    for field in WireReader(cluster) {
      switch field.number {
      case 1: name = name ?? field.text
      case 2: isEDS = field.value == 3
      case 3:
        if let own = WireReader.first(2, in: field.bytes) {
          name = String(decoding: own, as: UTF8.self)
        }
      default: break
      }
    }
    return isEDS ? name.map { [$0] } ?? [] : []
  }

  /// `filter_chains` (3) and `default_filter_chain` (25) > `filters` (3) > `typed_config` (4) >
  /// `value` (2) > `rds` (3) > `route_config_name` (2).
  private static func routes(of listener: UnsafeRawBufferPointer) -> [String] {
    var names: [String] = []
    for chain in WireReader(listener) where chain.number == 3 || chain.number == 25 {
      for filter in WireReader(chain.bytes) where filter.number == 3 {
        guard let any = WireReader.first(4, in: filter.bytes),
          let url = WireReader.first(1, in: any),
          url.elementsEqual(managerURL.utf8), let manager = WireReader.first(2, in: any),
          let rds = WireReader.first(3, in: manager), let name = WireReader.first(2, in: rds)
        else { continue }
        names.append(String(decoding: name, as: UTF8.self))
      }
    }
    return names
  }

  private static let managerURL =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    + "HttpConnectionManager"
}
