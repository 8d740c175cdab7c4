// SPDX-License-Identifier: Apache-2.0

public import Bytes
public import EnvoyAPI

/// What listeners refer to.
public enum RouteReferences {
  /// The names of the route configurations that a listener asks for by RDS.
  public static func routes(of listener: EncodedResource) -> Set<String> {
    var found = References()
    found.read(listener)
    return found.routes
  }
}

extension ClusterReferences {
  /// The names of the clusters that a listener or a route configuration sends traffic, logs or
  /// spans to; empty for other types.
  ///
  /// Routes that a listener asks for by RDS are resources of their own.
  public static func clusters(of resource: EncodedResource) -> Set<String> {
    var found = References()
    found.read(resource)
    return found.clusters
  }
}

extension ClusterReferences {
  /// The parts of a route configuration that refer to clusters each by itself: every virtual host, as a
  /// message that has no other, and what stands between them.
  public static func parts(ofRoutes resource: EncodedResource) -> [ByteSlice] {
    let packed = resource.packed
    let ends = packed.withUnsafeBytes { bytes in
      var scan = TopLevelScan(bytes)
      var ends: [Int] = []
      while scan.next() { ends.append(scan.place) }
      return ends
    }
    var begin = 0
    return ends.map { end in
      defer { begin = end }
      return ByteSlice(packed.owner, offset: packed.offset + begin, count: end - begin)
    }
  }

  /// The names of the clusters of one of these parts.
  public static func clusters(ofRoutePart part: ByteSlice) -> Set<String> {
    part.withUnsafeBytes { bytes in
      Arena.scope { arena in
        var found = References()
        guard let routes = try? Envoy.RouteConfiguration(unpacking: bytes, in: arena) else {
          return []
        }
        found.read(routes)
        found.clusters.remove("")
        return found.clusters
      }
    }
  }
}

/// Steps from field to field of a packed message, without looking into them.
private struct TopLevelScan {
  private let bytes: UnsafeRawBufferPointer
  /// Where the next field begins.
  private(set) var place = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Steps over a field; false at the end, or where the bytes are no message.
  mutating func next() -> Bool {
    guard place < bytes.count, let tag = varint() else { return false }
    switch tag & 7 {
    case 0: return varint() != nil
    case 1: place += 8
    case 2:
      guard let count = varint(), count <= UInt64(bytes.count - place) else { return false }
      place += Int(count)
    case 5: place += 4
    default: return false
    }
    return place <= bytes.count
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while place < bytes.count, shift < 64 {
      let byte = bytes[place]
      place += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}

/// Walks through a message for what it refers to.
private struct References {
  var routes: Set<String> = []
  var clusters: Set<String> = []

  mutating func read(_ resource: EncodedResource) {
    resource.packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        switch resource.type {
        case .listener:
          guard let listener = try? Envoy.Listener(unpacking: bytes, in: arena) else { return }
          read(listener)
        case .route:
          guard let routes = try? Envoy.RouteConfiguration(unpacking: bytes, in: arena)
          else { return }
          read(routes)
        default: return
        }
      }
    }
    clusters.remove("")
  }

  private mutating func read(_ listener: Envoy.Listener) {
    for chain in listener.filterChains { read(chain) }
    if let chain = listener.defaultFilterChain { read(chain) }
    for log in listener.accessLog { read(log) }
    if let any = listener.apiListener?.apiListener { readNetworkFilter(any, listener.arena) }
  }

  private mutating func read(_ chain: Envoy.FilterChain) {
    for filter in chain.filters {
      if let any = filter.typedConfig { readNetworkFilter(any, chain.arena) }
    }
  }

  private mutating func readNetworkFilter(_ any: ProtobufAny, _ arena: Arena) {
    if let proxy = any.unpack(Envoy.TcpProxy.self, in: arena) {
      if let cluster = proxy.cluster { clusters.insert(cluster) }
      for cluster in proxy.weightedClusters?.clusters ?? [] { clusters.insert(cluster.name) }
      for log in proxy.accessLog { read(log) }
    } else if let manager = any.unpack(Envoy.HttpConnectionManager.self, in: arena) {
      read(manager)
    } else if let redis = any.unpack(Envoy.RedisProxy.self, in: arena) {
      if let cluster = redis.prefixRoutes?.catchAllRoute?.cluster { clusters.insert(cluster) }
    }
  }

  private mutating func read(_ manager: Envoy.HttpConnectionManager) {
    if let rds = manager.rds { routes.insert(rds.routeConfigName) }
    if let inline = manager.routeConfig { read(inline) }
    for log in manager.accessLog { read(log) }
    if let tracer = manager.tracing?.provider?.typedConfig { readTracer(tracer, manager.arena) }
  }

  mutating func read(_ configuration: Envoy.RouteConfiguration) {
    for policy in configuration.requestMirrorPolicies { clusters.insert(policy.cluster) }
    for host in configuration.virtualHosts {
      for policy in host.requestMirrorPolicies { clusters.insert(policy.cluster) }
      for route in host.routes {
        guard let action = route.route else { continue }
        if let cluster = action.cluster { clusters.insert(cluster) }
        for cluster in action.weightedClusters?.clusters ?? [] { clusters.insert(cluster.name) }
        for policy in action.requestMirrorPolicies { clusters.insert(policy.cluster) }
      }
    }
  }

  private mutating func read(_ log: Envoy.AccessLog) {
    guard let any = log.typedConfig else { return }
    let arena = log.arena
    let common =
      any.unpack(Envoy.HttpGrpcAccessLogConfig.self, in: arena)?.commonConfig
      ?? any.unpack(Envoy.TcpGrpcAccessLogConfig.self, in: arena)?.commonConfig
      ?? any.unpack(Envoy.OpenTelemetryAccessLogConfig.self, in: arena)?.commonConfig
    if let cluster = common?.grpcService?.envoyGrpc?.clusterName { clusters.insert(cluster) }
  }

  private mutating func readTracer(_ any: ProtobufAny, _ arena: Arena) {
    var services: [Envoy.GrpcService?] = []
    if let zipkin = any.unpack(Envoy.ZipkinConfig.self, in: arena) {
      clusters.insert(zipkin.collectorCluster)
      if let cluster = zipkin.collectorService?.httpUri?.cluster { clusters.insert(cluster) }
    } else if let datadog = any.unpack(Envoy.DatadogConfig.self, in: arena) {
      clusters.insert(datadog.collectorCluster)
    } else if let skywalking = any.unpack(Envoy.SkyWalkingConfig.self, in: arena) {
      services.append(skywalking.grpcService)
    } else if let telemetry = any.unpack(Envoy.OpenTelemetryConfig.self, in: arena) {
      if let cluster = telemetry.httpService?.httpUri?.cluster { clusters.insert(cluster) }
      services.append(telemetry.grpcService)
    }
    for service in services {
      if let cluster = service?.envoyGrpc?.clusterName { clusters.insert(cluster) }
    }
  }
}
