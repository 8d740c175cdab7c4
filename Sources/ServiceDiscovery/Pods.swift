// SPDX-License-Identifier: Apache-2.0

public import Configuration
import JSON

/// Makes workloads of Pods.
public enum Pods {
  /// What runs in `pod`.
  public static func workload(
    _ pod: ConfigObject<Kubernetes.Pod>, node: ConfigObject<Kubernetes.Node>?,
    settings: RegistrySettings
  ) -> Workload {
    let meta = pod.meta
    let spec = pod.spec.spec ?? .init()
    var facts = Workload.Facts()
    facts.name = workloadName(meta)
    facts.namespace = meta.namespace
    facts.serviceAccount = settings.identity(
      namespace: meta.namespace, serviceAccount: spec.serviceAccountName)
    facts.locality = WellKnownLabel.locality(meta.labels) ?? locality(of: node)
    facts.network = settings.network(
      address: addresses(pod).first ?? "", labels: meta.labels)
    facts.cluster = settings.cluster
    facts.tlsMode = meta.labels[WellKnownLabel.tlsMode] ?? "disabled"
    facts.nodeName = spec.nodeName
    facts.subdomain = spec.subdomain
    if !spec.subdomain.isEmpty {
      facts.hostname = spec.hostname.isEmpty ? meta.name : spec.hostname
    }
    facts.labels = meta.labels.placed(
      facts.locality, cluster: settings.cluster, node: spec.nodeName, network: facts.network)
    return Workload(facts)
  }

  /// The addresses of `pod`, the main one first.
  public static func addresses(_ pod: ConfigObject<Kubernetes.Pod>) -> [String] {
    guard let status = pod.spec.status else { return [] }
    let all = status.podIPs.map(\.ip).filter { !$0.isEmpty }
    return all.isEmpty && !status.podIP.isEmpty ? [status.podIP] : all
  }

  /// Whether `pod` has an address, has not ended and is not about to.
  public static func isLive(_ pod: ConfigObject<Kubernetes.Pod>) -> Bool {
    let phase = pod.spec.status?.phase
    return phase != "Failed" && phase != "Succeeded" && !pod.meta.isBeingDeleted
      && !addresses(pod).isEmpty
  }

  /// Whether `pod` says that it takes requests.
  public static func isReady(_ pod: ConfigObject<Kubernetes.Pod>) -> Bool {
    pod.spec.status?.conditions.contains { $0.type == "Ready" && $0.status == "True" } ?? false
  }

  /// The number of the port of `pod` that `port` of a Service leads to.
  public static func targetPort(
    _ port: Kubernetes.ServicePort, of pod: ConfigObject<Kubernetes.Pod>
  ) -> UInt32? {
    switch port.targetPort {
    case .integer(let number)?: return UInt32(exactly: number == 0 ? Int64(port.port) : number)
    case .string(let name)?: return namedPort(name, port.protocol, of: pod)
    default: return UInt32(exactly: port.port)
    }
  }

  /// The names of the ports of `pod` with their numbers.
  static func portMap(_ pod: ConfigObject<Kubernetes.Pod>) -> [String: UInt32] {
    Dictionary(
      (pod.spec.spec?.containers ?? []).flatMap(\.ports).filter { !$0.name.isEmpty }
        .map { ($0.name, UInt32(clamping: $0.containerPort)) }
    ) { first, _ in first }
  }

  private static func namedPort(
    _ name: String, _ transport: String, of pod: ConfigObject<Kubernetes.Pod>
  ) -> UInt32? {
    let spec = pod.spec.spec ?? .init()
    let sidecars = spec.initContainers.filter { $0.restartPolicy == "Always" }
    let port = (spec.containers + sidecars).flatMap(\.ports).first {
      $0.name == name && tcpByDefault($0.protocol) == tcpByDefault(transport)
    }
    return port.map { UInt32(clamping: $0.containerPort) }
  }

  private static func tcpByDefault(_ transport: String) -> String {
    transport.isEmpty ? "TCP" : transport
  }

  private static func locality(of node: ConfigObject<Kubernetes.Node>?) -> Locality {
    guard let labels = node?.meta.labels else { return Locality() }
    func value(_ names: String...) -> String {
      names.lazy.compactMap { labels[$0] }.first { !$0.isEmpty } ?? ""
    }
    return Locality(
      region: value(WellKnownLabel.region, "failure-domain.beta.kubernetes.io/region"),
      zone: value(WellKnownLabel.zone, "failure-domain.beta.kubernetes.io/zone"),
      subzone: value(WellKnownLabel.subzone))
  }

  /// The name of what made the pod, guessed from its owner as Istio does.
  private static func workloadName(_ meta: ObjectMeta) -> String {
    if let name = meta.labels[WellKnownLabel.workloadName] { return name }
    guard !meta.generateName.isEmpty, let owner = meta.owners.first(where: \.isController) else {
      return meta.name
    }
    switch owner.kind {
    case "ReplicaSet":
      for label in ["pod-template-hash", "rollouts-pod-template-hash"] {
        if let hash = meta.labels[label], !hash.isEmpty, owner.name.hasSuffix("-" + hash) {
          return String(owner.name.dropLast(hash.count + 1))
        }
      }
    case "ReplicationController":
      if let config = meta.labels["deploymentconfig"], !config.isEmpty { return config }
    case "Job":
      let parts = owner.name.split(separator: "-", omittingEmptySubsequences: false)
      if parts.count > 1, let stamp = parts.last, (8...10).contains(stamp.utf8.count),
        stamp.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 })
      {
        return parts.dropLast().joined(separator: "-")
      }
    default: break
    }
    return owner.name.isEmpty ? meta.name : owner.name
  }
}
