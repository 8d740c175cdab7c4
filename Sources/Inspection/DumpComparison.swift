// SPDX-License-Identifier: Apache-2.0

import JSON

/// A type of resource whose dumps are compared.
enum ComparedType: CaseIterable {
  case clusters, listeners, routes

  var title: String {
    switch self {
    case .clusters: return "Clusters"
    case .listeners: return "Listeners"
    case .routes: return "Routes"
    }
  }

  var section: String { title + "ConfigDump" }

  /// The members that lead from the section to a message.
  var path: [String] {
    switch self {
    case .clusters: return ["dynamic_active_clusters", "cluster"]
    case .listeners: return ["dynamic_listeners", "active_state", "listener"]
    case .routes: return ["dynamic_route_configs", "route_config"]
    }
  }
}

/// `proxy-status PROXY`: what the control plane served against what the proxy has.
public enum DumpComparison {
  /// istioctl's sentences, a unified difference below each that does not match.
  public static func text(served: ProxyDump, proxy: ProxyDump) -> String {
    ComparedType.allCases.map { type in
      let difference = LineDifference.unified(
        lines(served, type), lines(proxy, type), from: "Istiod \(type.title)",
        to: "Envoy \(type.title)", context: 7)
      return difference.isEmpty
        ? "\(type.title) Match\n" : "\(type.title) Don't Match\n\(difference)\n"
    }.joined()
  }

  private static func lines(_ dump: ProxyDump, _ type: ComparedType) -> [String] {
    let format = JSONFormat(indent: 4, keyOrder: .sorted)
    return dump.dynamic(type).sorted { $0.text("name") < $1.text("name") }
      .flatMap { $0.text(format).split(separator: "\n").map(String.init) }
  }
}
