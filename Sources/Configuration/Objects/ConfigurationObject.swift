// SPDX-License-Identifier: Apache-2.0

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

  /// The kind and the metadata.
  private var head: (kind: ResourceKind, meta: ObjectMeta) {
    switch self {
    case .virtualService(let object): (object.kind, object.meta)
    case .destinationRule(let object): (object.kind, object.meta)
    case .gateway(let object): (object.kind, object.meta)
    case .serviceEntry(let object): (object.kind, object.meta)
    case .workloadEntry(let object): (object.kind, object.meta)
    case .workloadGroup(let object): (object.kind, object.meta)
    case .sidecar(let object): (object.kind, object.meta)
    case .envoyFilter(let object): (object.kind, object.meta)
    case .proxyConfig(let object): (object.kind, object.meta)
    case .authorizationPolicy(let object): (object.kind, object.meta)
    case .peerAuthentication(let object): (object.kind, object.meta)
    case .requestAuthentication(let object): (object.kind, object.meta)
    case .telemetry(let object): (object.kind, object.meta)
    case .wasmPlugin(let object): (object.kind, object.meta)
    case .trafficExtension(let object): (object.kind, object.meta)
    case .namespace(let object): (object.kind, object.meta)
    case .node(let object): (object.kind, object.meta)
    case .service(let object): (object.kind, object.meta)
    case .endpointSlice(let object): (object.kind, object.meta)
    case .pod(let object): (object.kind, object.meta)
    case .secret(let object): (object.kind, object.meta)
    case .configMap(let object): (object.kind, object.meta)
    case .serviceAccount(let object): (object.kind, object.meta)
    }
  }
}

extension ConfigurationObject {
  /// Every kind that is read.
  public static var kinds: [ResourceKind] { readers.map(\.kind) }

  /// The kind of the object.
  public var kind: ResourceKind { head.kind }

  /// The metadata of the object.
  public var meta: ObjectMeta { head.meta }

  /// The identity of the object.
  public var key: ObjectKey {
    let (kind, meta) = head
    return ObjectKey(kind: kind, namespace: meta.namespace, name: meta.name)
  }
}
