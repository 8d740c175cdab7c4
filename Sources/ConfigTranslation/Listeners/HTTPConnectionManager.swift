// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

/// All that an HTTP connection manager is made of.
struct HTTPConnectionManagerInputs: Hashable, Sendable {
  /// Where the routes come from.
  enum Routes: Hashable, Sendable {
    /// From RDS under a name.
    case discovered(String)
    /// From the listener itself: those of a workload's port.
    case inbound(InboundRouteInputs)
    /// From the listener itself: unknown hosts, by their name.
    case unknownHosts
  }

  /// What all listeners of the proxy share.
  var environment: Shared<FilterEnvironment>
  /// Which traffic it is for.
  var trafficClass: TrafficClass
  /// The prefix of its statistics, as it stands in the message.
  var statPrefix: String
  /// Where the routes come from.
  var routes: Routes
  /// What the port speaks, as far as it is declared.
  var portProtocol = PortProtocol.http
  /// Whether it is a proxy that is asked by full URLs (`MeshConfig.proxyHttpPort`).
  var isHTTPProxy = false
  /// Whether it serves HTTP/3 only.
  var isHTTP3 = false
  /// The wildcard host whose names the proxy resolves by itself (DYNAMIC_DNS).
  var dynamicHost: String?
  /// Which family of addresses it resolves them to.
  var lookupFamily = DNSLookupFamily.ipv4

  /// The message.
  func make(in arena: Arena) -> Envoy.HttpConnectionManager {
    let environment = environment.value
    let manager = Envoy.HttpConnectionManager(arena)
    manager.codecType = isHTTP3 ? .http3 : .auto
    if isHTTP3 { manager.http3ProtocolOptions = .init(arena) }
    manager.statPrefix = statPrefix
    setHeaders(manager, environment)
    setCertificateHeaders(manager, environment)
    setProtocolOptions(manager, environment)
    setNormalization(manager, environment)
    manager.useRemoteAddress = usesRemoteAddress(environment)
    setInternalAddresses(manager, environment)
    manager.upgradeConfigs.append(
      Envoy.HttpConnectionManager.UpgradeConfig(arena) { $0.upgradeType = "websocket" })
    manager.streamIdleTimeout = .zero
    environment.connections?.apply(to: manager)
    setRoutes(manager)
    manager.accessLog = .init(
      environment.accessLogs.make(for: trafficClass, at: .requests, in: arena))
    environment.tracing.apply(to: manager, for: trafficClass)
    manager.httpFilters = .init(httpFilters(environment, in: arena))
    return manager
  }

  /// The network filter that holds the message.
  func filter(in arena: Arena) -> Envoy.NetworkFilter {
    .typed(arena, "envoy.filters.network.http_connection_manager", make(in: arena))
  }

  private func usesRemoteAddress(_ environment: FilterEnvironment) -> Bool {
    switch trafficClass {
    case .gateway: true
    case .sidecarOutbound: environment.sidecarsUseRemoteAddress && !isHTTPProxy
    case .sidecarInbound: false
    }
  }

  private func setHeaders(
    _ manager: Envoy.HttpConnectionManager, _ environment: FilterEnvironment
  ) {
    let headers = environment.proxyHeaders
    if headers.server?.disabled == true {
      manager.serverHeaderTransformation = .passThrough
    } else if let name = headers.server?.value, !name.isEmpty {
      manager.serverName = name
    } else if trafficClass != .sidecarOutbound {
      manager.serverName = "istio-envoy"
    }
    if headers.requestId?.disabled == true { manager.generateRequestId = false }
    manager.appendXForwardedPort = headers.xForwardedPort?.enabled ?? false
    manager.proxy100Continue = environment.proxies100Continue
  }

  private func setCertificateHeaders(
    _ manager: Envoy.HttpConnectionManager, _ environment: FilterEnvironment
  ) {
    switch trafficClass {
    case .sidecarOutbound: return
    case .sidecarInbound:
      let set = environment.proxyHeaders.setCurrentClientCertDetails
      manager.forwardClientCertDetails =
        environment.proxyHeaders.forwardedClientCert.envoy ?? .appendForward
      manager.setCurrentClientCertDetails = manager.make(
        Envoy.HttpConnectionManager.SetCurrentClientCertDetails.self
      ) {
        $0.subject = set?.subject ?? true
        $0.uri = set?.uri ?? true
        $0.dns = set?.dns ?? true
        $0.cert = set?.cert ?? false
        $0.chain = set?.chain ?? false
      }
    case .gateway:
      let topology = environment.topology
      let forwarding = topology?.forwardClientCertDetails.envoy ?? .sanitizeSet
      manager.xffNumTrustedHops = topology?.numTrustedProxies ?? 0
      manager.forwardClientCertDetails = forwarding
      guard forwarding == .appendForward || forwarding == .sanitizeSet else { return }
      manager.setCurrentClientCertDetails = manager.make(
        Envoy.HttpConnectionManager.SetCurrentClientCertDetails.self
      ) {
        $0.subject = true
        $0.cert = true
        $0.dns = true
        $0.uri = true
      }
    }
  }

  private func setProtocolOptions(
    _ manager: Envoy.HttpConnectionManager, _ environment: FilterEnvironment
  ) {
    let arena = manager.arena
    let preservesCase = environment.proxyHeaders.preserveHttp1HeaderCase ?? false
    if environment.acceptsHTTP10 || trafficClass == .gateway || isHTTPProxy || preservesCase {
      let options = Envoy.Http1ProtocolOptions(arena)
      options.acceptHttp10 = environment.acceptsHTTP10
      if isHTTPProxy { options.allowAbsoluteUrl = true }
      if preservesCase { options.headerKeyFormat = .preservingCase(arena) }
      manager.httpProtocolOptions = options
    }
    if trafficClass == .sidecarInbound, portProtocol.isHTTP2 {
      manager.http2ProtocolOptions = .init(arena)
    }
    if let idle = environment.idleTimeout {
      manager.commonHttpProtocolOptions = manager.make(Envoy.HttpProtocolOptions.self) {
        $0.idleTimeout = idle
      }
    }
  }

  private func setNormalization(
    _ manager: Envoy.HttpConnectionManager, _ environment: FilterEnvironment
  ) {
    let normalization = environment.normalization
    manager.normalizePath = normalization != .none
    manager.mergeSlashes =
      normalization == .mergeSlashes || normalization == .decodeAndMergeSlashes
    manager.pathWithEscapedSlashesAction =
      normalization == .decodeAndMergeSlashes ? .unescapeAndForward : .keepUnchanged
  }

  private func setInternalAddresses(
    _ manager: Envoy.HttpConnectionManager, _ environment: FilterEnvironment
  ) {
    let counts = environment.usesInternalRanges || usesRemoteAddress(environment)
    guard counts, !environment.internalRanges.isEmpty else { return }
    manager.internalAddressConfig = manager.make(
      Envoy.HttpConnectionManager.InternalAddressConfig.self
    ) { config in
      config.cidrRanges = .init(environment.internalRanges.map { $0.message(in: config.arena) })
    }
  }

  private func setRoutes(_ manager: Envoy.HttpConnectionManager) {
    switch routes {
    case .discovered(let name):
      manager.rds = manager.make(Envoy.Rds.self) { rds in
        rds.routeConfigName = name
        rds.configSource = .aggregated(rds.arena)
      }
    case .inbound(let inputs): manager.routeConfig = inputs.make(in: manager.arena)
    case .unknownHosts:
      manager.routeConfig = UnknownHostRoutes.make(environment.value, in: manager.arena)
    }
  }
}

extension Istio.Mesh.ForwardClientCertDetails {
  /// Envoy's way to treat the header `x-forwarded-client-cert`; nil where it is not set.
  var envoy: Envoy.HttpConnectionManager.ForwardClientCertDetails? {
    switch self {
    case .undefined: nil
    case .sanitize: .sanitize
    case .forwardOnly: .forwardOnly
    case .appendForward: .appendForward
    case .sanitizeSet: .sanitizeSet
    case .alwaysForwardOnly: .alwaysForwardOnly
    }
  }
}

extension Envoy.ConfigSource {
  /// The stream on which the resource that refers to it came.
  static func aggregated(_ arena: Arena) -> Envoy.ConfigSource {
    Envoy.ConfigSource(arena) {
      $0.ads = .init(arena)
      $0.initialFetchTimeout = .zero
      $0.resourceApiVersion = .v3
    }
  }
}

extension Envoy.Http1ProtocolOptions.HeaderKeyFormat {
  /// Letters stay upper or lower case as they came (`proxyHeaders.preserveHttp1HeaderCase`).
  static func preservingCase(_ arena: Arena) -> Envoy.Http1ProtocolOptions.HeaderKeyFormat {
    Envoy.Http1ProtocolOptions.HeaderKeyFormat(arena) { format in
      format.statefulFormatter = Envoy.TypedExtensionConfig(arena) {
        $0.name = "preserve_case"
        $0.typedConfig = .pack(Envoy.PreserveCaseFormatterConfig(arena))
      }
    }
  }
}

extension IPRange {
  /// The range as Envoy writes it.
  func message(in arena: Arena) -> Envoy.CidrRange {
    Envoy.CidrRange(arena) {
      $0.addressPrefix = "\(address)"
      $0.prefixLen = UInt32(prefixLength)
    }
  }
}
