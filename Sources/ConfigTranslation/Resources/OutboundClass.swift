// SPDX-License-Identifier: Apache-2.0

import JSON
import MeshModel
import ServiceDiscovery

/// What of a proxy its outbound listeners and routes depend on: proxies of one class share them.
///
/// They are gathered in a context of the class alone (``ProxyContext/ofClass``), which has nothing
/// of the proxy besides. So a rule that needs more finds nothing, for every proxy alike, rather than
/// the facts of the proxy that happened to ask first.
struct OutboundClass: Hashable, Sendable {
  /// The proxy without what tells it from others of the class.
  var node: ProxyNode
  /// What the mesh is set to.
  var settings: Shared<MeshSettings>

  /// The metadata that outbound listeners and routes read.
  private static let heeded: Set<String> = [
    "DNS_CAPTURE", "DNS_AUTO_ALLOCATE", "OUTBOUND_LISTENER_EXACT_BALANCE", "UNPRIVILEGED_POD",
    "ENVOY_STATUS_PORT", "ENVOY_PROMETHEUS_PORT", "ENVOY_SECURE_METRICS_PORT",
    "ENVOY_SECURE_MERGED_METRICS_PORT", "PROXY_CONFIG", "NAVARCH_AGENT",
    ProxyNode.secretsKey,
  ]

  /// The class of a proxy that sees `outbound`.
  init(_ proxy: ProxyNode, _ outbound: OutboundScope, _ mesh: MeshSnapshot) {
    settings = mesh.sharedSettings
    node = ProxyNode(
      id: "", kind: proxy.kind, addresses: Self.addresses(of: proxy, mesh.registry), name: "",
      namespace: proxy.namespace, dnsDomain: proxy.dnsDomain)
    for name in outbound.heededLabels { node.labels[name] = proxy.labels[name] }
    let members = proxy.metadata.members.filter { Self.heeded.contains($0.key) }
    node.metadata = JSONObject(distinct: members)
    node.cluster = proxy.cluster
    node.istioVersion = proxy.istioVersion == nil ? nil : ""
    node.interception = proxy.interception
    node.extensions = proxy.extensions
    node.generator = proxy.generator
  }

  /// The class of services' own routes, which are the same for all namespaces and workloads.
  var ofServices: OutboundClass {
    var shared = self
    shared.node.namespace = ""
    shared.node.dnsDomain = ""
    shared.node.labels = [:]
    return shared
  }

  /// One address of each family that the proxy has; but its own where a listener might be for that.
  private static func addresses(of node: ProxyNode, _ registry: ServiceRegistry) -> [String] {
    if let own = node.addresses.first, registry.directAddresses.contains(own) {
      return node.addresses
    }
    var seen: Set<Bool> = []
    return node.addresses.compactMap { text in
      guard let isIPv4 = text.isIPv4Address, seen.insert(isIPv4).inserted else { return nil }
      return isIPv4 ? "0.0.0.0" : "::"
    }
  }
}

extension ProxyContext {
  /// The context of the proxy's class, where what all proxies of the class share is gathered.
  var ofClass: (context: ProxyContext, key: Shared<OutboundClass>) {
    let key = cache.interned(OutboundClass(node, outbound, mesh))
    return (ProxyContext(self, as: key.value), key)
  }
}
