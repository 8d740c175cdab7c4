// SPDX-License-Identifier: Apache-2.0

// Which message is which kind: one line a kind, and a case in ConfigurationObject.

/// A message of Istio's API that is the `spec` of an object.
public protocol IstioSpec: ConfigSpec {}
/// A message that is a whole object of Kubernetes.
public protocol KubernetesObject: ConfigSpec, WireMessage {}

extension IstioSpec {
  /// `spec`.
  public static var member: String? { "spec" }
}
extension KubernetesObject {
  /// The object itself.
  public static var member: String? { nil }
}

extension Istio.VirtualService: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("VirtualService", "virtualservices")
}
extension Istio.DestinationRule: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("DestinationRule", "destinationrules")
}
extension Istio.Gateway: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("Gateway", "gateways")
}
extension Istio.ServiceEntry: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("ServiceEntry", "serviceentries")
}
extension Istio.WorkloadEntry: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("WorkloadEntry", "workloadentries")
}
extension Istio.WorkloadGroup: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("WorkloadGroup", "workloadgroups")
}
extension Istio.Sidecar: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("Sidecar", "sidecars")
}
extension Istio.EnvoyFilter: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("EnvoyFilter", "envoyfilters", ["v1alpha3"])
}
extension Istio.ProxyConfig: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.networking("ProxyConfig", "proxyconfigs", ["v1beta1"])
}
extension Istio.AuthorizationPolicy: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.security("AuthorizationPolicy", "authorizationpolicies")
}
extension Istio.PeerAuthentication: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.security("PeerAuthentication", "peerauthentications")
}
extension Istio.RequestAuthentication: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind.security("RequestAuthentication", "requestauthentications")
}
extension Istio.Telemetry: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind(
    group: "telemetry.istio.io", kind: "Telemetry", plural: "telemetries",
    versions: ["v1", "v1alpha1"])
}
extension Istio.WasmPlugin: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind(
    group: "extensions.istio.io", kind: "WasmPlugin", plural: "wasmplugins", versions: ["v1alpha1"])
}
extension Istio.TrafficExtension: IstioSpec {
  /// The kind of its objects.
  public static let kind = ResourceKind(
    group: "extensions.istio.io", kind: "TrafficExtension", plural: "trafficextensions",
    versions: ["v1alpha1"])
}
extension Kubernetes.Namespace: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("Namespace", "namespaces", isClusterScoped: true)
}
extension Kubernetes.Node: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("Node", "nodes", isClusterScoped: true)
}
extension Kubernetes.Service: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("Service", "services")
}
extension Kubernetes.EndpointSlice: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind(
    group: "discovery.k8s.io", kind: "EndpointSlice", plural: "endpointslices",
    versions: ["v1", "v1beta1"])
}
extension Kubernetes.Pod: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("Pod", "pods")
}
extension Kubernetes.Secret: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("Secret", "secrets")
}
extension Kubernetes.ConfigMap: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("ConfigMap", "configmaps")
}
extension Kubernetes.ServiceAccount: KubernetesObject {
  /// The kind of its objects.
  public static let kind = ResourceKind.core("ServiceAccount", "serviceaccounts")
}
