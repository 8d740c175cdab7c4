// SPDX-License-Identifier: Apache-2.0

public import Configuration

extension MeshService {
  /// The cluster that it was read in; of one that several have, the first by id.
  var cluster: String { addresses.keys.min() ?? "" }

  /// Adds what a Service of its name in another cluster has of its own.
  mutating func merge(_ other: MeshService) {
    for (cluster, own) in other.addresses where addresses[cluster]?.isEmpty ?? true {
      addresses[cluster] = own
    }
    let known = Set(serviceAccounts)
    serviceAccounts += other.serviceAccounts.filter { !known.contains($0) }
  }
}

/// Makes services of Kubernetes Services.
public enum KubernetesServices {
  /// The service that `object` declares.
  public static func service(
    _ object: ConfigObject<Kubernetes.Service>,
    namespace: ConfigObject<Kubernetes.Namespace>?, settings: RegistrySettings
  ) -> MeshService {
    let spec = object.spec.spec ?? .init()
    let meta = object.meta
    let host = Hostname(
      service: meta.name, namespace: meta.namespace, clusterDomain: settings.clusterDomain)
    var service = MeshService(
      key: ServiceKey(host, namespace: meta.namespace),
      source: ObjectKey(kind: object.kind, namespace: meta.namespace, name: meta.name),
      registry: .kubernetes, resolution: resolution(spec), name: meta.name)
    service.ports = spec.ports.map {
      ServicePort(
        name: $0.name, number: UInt32(clamping: $0.port),
        protocol: PortProtocol(
          port: $0.port, name: $0.name, transport: $0.protocol, appProtocol: $0.appProtocol))
    }
    service.addresses[settings.cluster] = clusterAddresses(spec)
    addExternalAddresses(of: object, cluster: settings.cluster, to: &service)
    service.exportTo = Set(list(meta.annotations[WellKnownLabel.exportTo]))
    service.labels = meta.labels
    service.creationTime = meta.creationTime
    service.serviceAccounts = accounts(meta, settings: settings)
    service.selector = spec.selector
    service.type = spec.type
    service.externalName = service.resolution == .alias ? spec.externalName : ""
    service.isMeshExternal = service.resolution == .alias
    service.publishNotReadyAddresses = spec.publishNotReadyAddresses
    service.isNodeLocal = spec.internalTrafficPolicy == "Local"
    service.trafficDistribution = trafficDistribution(
      spec.trafficDistribution, meta.annotations, namespace?.meta.annotations ?? [:])
    return service
  }

  /// `spec.trafficDistribution`, else the annotation of the object, else of its namespace.
  static func trafficDistribution(
    _ field: String, _ annotations: [String: String], _ inherited: [String: String]
  ) -> TrafficDistribution {
    switch field {
    case "PreferSameZone", "PreferClose": return .preferSameZone
    case "PreferSameNode": return .preferSameNode
    default: break
    }
    for source in [annotations, inherited] {
      guard let text = source[WellKnownLabel.trafficDistribution], !text.isEmpty else { continue }
      switch text.lowercased() {
      case "preferclose", "prefersamezone": return .preferSameZone
      case "prefersamenode": return .preferSameNode
      default: return .any
      }
    }
    return .any
  }

  private static func resolution(_ spec: Kubernetes.ServiceSpec) -> Resolution {
    if spec.clusterIP == "None" { return .passthrough }
    return spec.type == "ExternalName" && !spec.externalName.isEmpty ? .alias : .clientSideLB
  }

  private static func clusterAddresses(_ spec: Kubernetes.ServiceSpec) -> [String] {
    guard spec.clusterIP != "None", !spec.clusterIP.isEmpty else { return [] }
    return spec.clusterIPs.count > 1 ? spec.clusterIPs : [spec.clusterIP]
  }

  private static func addExternalAddresses(
    of object: ConfigObject<Kubernetes.Service>, cluster: String, to service: inout MeshService
  ) {
    let spec = object.spec.spec ?? .init()
    var addresses: [String] = []
    if spec.type == "LoadBalancer" {
      addresses = (object.spec.status?.loadBalancer?.ingress ?? [])
        .map { $0.ip.isEmpty ? $0.hostname : $0.ip }.filter { !$0.isEmpty }
    }
    addresses += spec.externalIPs
    if !addresses.isEmpty { service.externalAddresses[cluster] = addresses }
    if spec.type == "NodePort", object.meta.annotations["traffic.istio.io/nodeSelector"] != nil {
      service.nodePorts[cluster] = Dictionary(
        spec.ports.map { (UInt32(clamping: $0.port), UInt32(clamping: $0.nodePort)) }
      ) { first, _ in first }
    }
  }

  private static func accounts(_ meta: ObjectMeta, settings: RegistrySettings) -> [String] {
    list(meta.annotations["alpha.istio.io/canonical-serviceaccounts"])
      + list(meta.annotations["alpha.istio.io/kubernetes-serviceaccounts"]).map {
        settings.identity(namespace: meta.namespace, serviceAccount: $0)
      }
  }

  private static func list(_ text: String?) -> [String] {
    (text ?? "").split(separator: ",").map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }.filter { !$0.isEmpty }
  }
}
