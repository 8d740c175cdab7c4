// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
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

  /// The class of the proxy.
  private let context: ProxyContext
  private let proxy: Shared<OutboundClass>
  private let headers: Istio.Mesh.ProxyConfig.ProxyHeaders?
  private var countsAttempts: Bool { headers?.attemptCount?.disabled != true }

  init(_ proxy: ProxyContext) {
    (context, self.proxy) = proxy.ofClass
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

  /// The route configuration `name`.
  func configuration(_ name: String) -> EncodedResource {
    let key = SidecarRoutesKey(
      name: name, proxy: proxy, scope: ScopeKey(context.outbound),
      rules: context.outbound.virtualServicesTag)
    return context.cache.gathered.routes.value(key) { context.cache.resource(inputs(name)) }
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
      hosts = hosts.filter { $0.plan.domains.contains { $0 == name || $0 == host } }
      if hosts.count == 1 {
        var plan = hosts[0].plan
        plan.domains = ["*"]
        hosts[0] = EncodedVirtualHost(plan)
      }
    }
    inputs.virtualHosts = hosts.sorted { $0.plan.name < $1.plan.name }
    if parsed.host == nil { inputs.virtualHosts.append(EncodedVirtualHost(fallback)) }
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

  private func virtualHosts(_ name: Name, routeName: String) -> [EncodedVirtualHost] {
    guard let listener = context.listener(routePort: name.port, routeName: routeName) else {
      return []
    }
    let written = context.outbound.egress[listener].listener
    let isProxy = written?.port?.protocol.uppercased() == "HTTP_PROXY"
    return SidecarVirtualHosts(
      context, proxy: proxy, listener: listener, port: isProxy ? 0 : name.port,
      countsAttempts: countsAttempts
    ).build()
  }
}

extension ProxyContext {
  /// The place of the egress listener that a route configuration is of; of those for Unix sockets, the
  /// one that is bound there.
  fileprivate func listener(routePort: UInt32, routeName: String) -> Int? {
    outbound.egress.firstIndex { scope in
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

/// What a route configuration of a sidecar depends on.
struct SidecarRoutesKey: Hashable, Sendable {
  var name: String
  var proxy: Shared<OutboundClass>
  /// The scope, which may be a Sidecar's.
  var scope: ScopeKey
  /// The VirtualServices.
  var rules: Tag
}
