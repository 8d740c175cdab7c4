// SPDX-License-Identifier: Apache-2.0

import JSON

/// An object of any kind that is read.
public enum ConfigurationObject: Hashable, Sendable {
  /// A `VirtualService`.
  case virtualService(ConfigObject<Istio.VirtualService>)
  /// A `DestinationRule`.
  case destinationRule(ConfigObject<Istio.DestinationRule>)
  /// A `Gateway`.
  case gateway(ConfigObject<Istio.Gateway>)
  /// A `ServiceEntry`.
  case serviceEntry(ConfigObject<Istio.ServiceEntry>)
  /// A `WorkloadEntry`.
  case workloadEntry(ConfigObject<Istio.WorkloadEntry>)
  /// A `WorkloadGroup`.
  case workloadGroup(ConfigObject<Istio.WorkloadGroup>)
  /// A `Sidecar`.
  case sidecar(ConfigObject<Istio.Sidecar>)
  /// A `EnvoyFilter`.
  case envoyFilter(ConfigObject<Istio.EnvoyFilter>)
  /// A `ProxyConfig`.
  case proxyConfig(ConfigObject<Istio.ProxyConfig>)
  /// A `AuthorizationPolicy`.
  case authorizationPolicy(ConfigObject<Istio.AuthorizationPolicy>)
  /// A `PeerAuthentication`.
  case peerAuthentication(ConfigObject<Istio.PeerAuthentication>)
  /// A `RequestAuthentication`.
  case requestAuthentication(ConfigObject<Istio.RequestAuthentication>)
  /// A `Telemetry`.
  case telemetry(ConfigObject<Istio.Telemetry>)
  /// A `WasmPlugin`.
  case wasmPlugin(ConfigObject<Istio.WasmPlugin>)
  /// A `TrafficExtension`.
  case trafficExtension(ConfigObject<Istio.TrafficExtension>)
  /// A `Namespace`.
  case namespace(ConfigObject<Kubernetes.Namespace>)
  /// A `Node`.
  case node(ConfigObject<Kubernetes.Node>)
  /// A `Service`.
  case service(ConfigObject<Kubernetes.Service>)
  /// A `EndpointSlice`.
  case endpointSlice(ConfigObject<Kubernetes.EndpointSlice>)
  /// A `Pod`.
  case pod(ConfigObject<Kubernetes.Pod>)
  /// A `Secret`.
  case secret(ConfigObject<Kubernetes.Secret>)
  /// A `ConfigMap`.
  case configMap(ConfigObject<Kubernetes.ConfigMap>)
  /// A `ServiceAccount`.
  case serviceAccount(ConfigObject<Kubernetes.ServiceAccount>)

  /// How each kind is read.
  static let readers: [ObjectReader] = [
    ObjectReader(ConfigurationObject.virtualService),
    ObjectReader(ConfigurationObject.destinationRule),
    ObjectReader(ConfigurationObject.gateway),
    ObjectReader(ConfigurationObject.serviceEntry),
    ObjectReader(ConfigurationObject.workloadEntry),
    ObjectReader(ConfigurationObject.workloadGroup),
    ObjectReader(ConfigurationObject.sidecar),
    ObjectReader(ConfigurationObject.envoyFilter),
    ObjectReader(ConfigurationObject.proxyConfig),
    ObjectReader(ConfigurationObject.authorizationPolicy),
    ObjectReader(ConfigurationObject.peerAuthentication),
    ObjectReader(ConfigurationObject.requestAuthentication),
    ObjectReader(ConfigurationObject.telemetry),
    ObjectReader(ConfigurationObject.wasmPlugin),
    ObjectReader(ConfigurationObject.trafficExtension),
    ObjectReader(ConfigurationObject.namespace),
    ObjectReader(ConfigurationObject.node),
    ObjectReader(ConfigurationObject.service),
    ObjectReader(ConfigurationObject.endpointSlice),
    ObjectReader(ConfigurationObject.pod),
    ObjectReader(ConfigurationObject.secret),
    ObjectReader(ConfigurationObject.configMap),
    ObjectReader(ConfigurationObject.serviceAccount),
  ]

  /// The object, whatever its kind.
  var object: any AnyConfigObject {
    switch self {
    case .virtualService(let object): object
    case .destinationRule(let object): object
    case .gateway(let object): object
    case .serviceEntry(let object): object
    case .workloadEntry(let object): object
    case .workloadGroup(let object): object
    case .sidecar(let object): object
    case .envoyFilter(let object): object
    case .proxyConfig(let object): object
    case .authorizationPolicy(let object): object
    case .peerAuthentication(let object): object
    case .requestAuthentication(let object): object
    case .telemetry(let object): object
    case .wasmPlugin(let object): object
    case .trafficExtension(let object): object
    case .namespace(let object): object
    case .node(let object): object
    case .service(let object): object
    case .endpointSlice(let object): object
    case .pod(let object): object
    case .secret(let object): object
    case .configMap(let object): object
    case .serviceAccount(let object): object
    }
  }
}

extension ConfigurationObject {
  /// Every kind that is read.
  public static var kinds: [ResourceKind] { readers.map(\.kind) }

  /// The kind of the object.
  public var kind: ResourceKind { object.kind }

  /// The metadata of the object.
  public var meta: ObjectMeta { object.meta }

  /// The identity of the object.
  public var key: ObjectKey {
    let object = object
    let meta = object.meta
    return ObjectKey(kind: object.kind, namespace: meta.namespace, name: meta.name)
  }

  /// Whether nothing that is served can differ between two states of an object: they differ at most in
  /// metadata that nothing reads, such as the API server's counters and foreign annotations.
  public func isServedLike(_ other: ConfigurationObject) -> Bool {
    object.isServedLike(other.object)
  }
}

/// An object whatever its kind.
protocol AnyConfigObject {
  var kind: ResourceKind { get }
  var meta: ObjectMeta { get }
  /// What controllers have written about it.
  var status: ReportedStatus { get }
  /// What it says, as members of the object; of a Secret every byte.
  var members: [JSONObject.Member] { get }
  func isServedLike(_ other: any AnyConfigObject) -> Bool
}

extension ConfigObject: AnyConfigObject {
  func isServedLike(_ other: any AnyConfigObject) -> Bool {
    guard let other = other as? ConfigObject<Spec> else { return false }
    return self === other
      || spec == other.spec && status == other.status && meta.served == other.meta.served
  }
}

extension ObjectMeta {
  /// The metadata without what is never served.
  fileprivate var served: ObjectMeta {
    var served = self
    served.resourceVersion = ""
    served.uid = ""
    served.generation = 0
    served.annotations = annotations.filter { name, _ in
      let domain = name.prefix { $0 != "/" }
      return domain == "istio.io" || domain.hasSuffix(".istio.io")
    }
    return served
  }
}
