// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Gathers the virtual hosts of one outbound route configuration of a sidecar.
struct SidecarRoutes {
  /// What a route configuration's name says.
  private struct Name {
    /// 0 for those of no single port: HTTP proxies and Unix sockets.
    var port: UInt32
    /// Of `HOST:PORT`, the host: the configuration of one service whose protocol is sniffed.
    var host: String?

    init(port: UInt32) { self.port = port }

    init?(_ text: String) {
      if text == "http_proxy" || text.hasPrefix("unix://") {
        port = 0
        return
      }
      guard let colon = text.firstIndex(of: ":") else {
        guard let number = UInt32(text) else { return nil }
        port = number
        return
      }
      guard let number = UInt32(text[text.index(after: colon)...]) else { return nil }
      port = number
      host = String(text[..<colon])
    }
  }

  private let context: ProxyContext
  private let headers: Istio.Mesh.ProxyConfig.ProxyHeaders?
  private var countsAttempts: Bool { headers?.attemptCount?.disabled != true }

  init(_ context: ProxyContext) {
    self.context = context
    headers = context.proxyHeaders
  }

  /// What the route configuration `name`, a cluster's name, is made of for a gRPC application; nil
  /// where it is no name of a cluster.
  func proxylessInputs(_ name: String) -> RouteConfigurationInputs? {
    guard let cluster = ClusterName(name), cluster.direction == .outbound, cluster.port != 0
    else { return nil }
    var inputs = RouteConfigurationInputs(name: name)
    inputs.isProxyless = true
    inputs.virtualHosts = virtualHosts(Name(port: cluster.port), routeName: name)
    return inputs
  }

  /// What the route configuration `name` is made of.
  func inputs(_ name: String) -> RouteConfigurationInputs {
    var inputs = RouteConfigurationInputs(name: name)
    guard let parsed = Name(name) else {
      inputs.isUnknown = true
      return inputs
    }
    var hosts = virtualHosts(parsed, routeName: name)
    if let host = parsed.host {
      hosts = hosts.filter { $0.domains.contains { $0 == name || $0 == host } }
      if hosts.count == 1 { hosts[0].domains = ["*"] }
    }
    inputs.virtualHosts = hosts.sorted { $0.name < $1.name }
    if parsed.host == nil { inputs.virtualHosts.append(fallback) }
    return inputs
  }

  private var fallback: VirtualHostPlan {
    let plan = FallbackPlan(
      action: context.fallbackAction, forwardsHost: headers?.xForwardedHost?.enabled == true,
      timeouts: TimeoutForm(context.node))
    return VirtualHostPlan(
      name: plan.name, domains: ["*"], routes: [.fallback(plan)],
      includesAttemptCount: countsAttempts)
  }

  private func virtualHosts(_ name: Name, routeName: String) -> [VirtualHostPlan] {
    guard let egress = context.egress(routePort: name.port, routeName: routeName) else { return [] }
    let isProxy = egress.listener?.port?.protocol.uppercased() == "HTTP_PROXY"
    let port = isProxy ? 0 : name.port
    var builder = SidecarVirtualHosts(
      context, egress: egress, port: port, countsAttempts: countsAttempts)
    return builder.build()
  }
}

extension ProxyContext {
  /// The egress listener that a route configuration is of; of those for Unix sockets, the one that
  /// is bound there.
  fileprivate func egress(routePort: UInt32, routeName: String) -> EgressScope? {
    outbound.egress.first { scope in
      guard let port = scope.port else { return true }
      guard port == routePort else { return false }
      return port != 0 || scope.listener?.bind == routeName
    }
  }

  /// What becomes of requests that no virtual host is for.
  fileprivate var fallbackAction: FallbackPlan.Action {
    let policy = outbound.outboundPolicy
    if isDynamicDNS { return .cluster("AllowAnyDynamicDNSCluster", name: "allow_any_dynamic_dns") }
    switch policy.mode {
    case .allowAny:
      let egress = policy.egressProxy.map { destinationCluster($0, service: nil, port: 0) }
      return .cluster(egress ?? ClusterName.passthrough, name: "allow_any")
    case .registryOnly:
      return .refuse
    }
  }
  /// Whether the mesh, which no Sidecar overrides, resolves unknown hosts by DNS.
  private var isDynamicDNS: Bool {
    sidecar?.outboundTrafficPolicy == nil
      && settings.mesh.outboundTrafficPolicy?.mode == .allowAnyDynamicDns
  }
}
