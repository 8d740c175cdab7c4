// SPDX-License-Identifier: Apache-2.0

import Configuration

/// Leaves out the metadata that nothing reads, so that an edit of it is no change, and none is held.
///
/// Who manages which field is never read. Out go what was last applied, versions (but for the kinds
/// whose version reaches proxies), generations of others than Istio's kinds (whose generation counts
/// what the object asks for), annotations of others than Istio, and labels that select nothing.
struct MetadataTrimming {
  private let keepsVersion: Bool
  private let keepsGeneration: Bool
  private let keepsLabels: Bool

  /// The trimming of objects of a kind.
  init(of kind: ResourceKind) {
    keepsVersion = MetadataTrimming.versioned.contains(kind)
    keepsGeneration = kind.group.hasSuffix("istio.io")
    keepsLabels = MetadataTrimming.labelled.contains(kind)
  }

  /// The kinds whose resourceVersion tells proxies to load a module again.
  private static let versioned: Set<ResourceKind> = [
    Istio.WasmPlugin.kind, Istio.TrafficExtension.kind,
  ]
  /// The kinds whose labels are selected on, shown to proxies, or say where something is.
  private static let labelled: Set<ResourceKind> = [
    Kubernetes.Namespace.kind, Kubernetes.Node.kind, Kubernetes.Pod.kind, Kubernetes.Service.kind,
    Istio.ServiceEntry.kind, Istio.WorkloadEntry.kind, Istio.WorkloadGroup.kind,
  ]

  /// Leaves out what nothing reads.
  func trim(_ meta: inout ObjectMeta) {
    if !keepsVersion { meta.resourceVersion = "" }
    if !keepsGeneration { meta.generation = 0 }
    if !meta.annotations.isEmpty {
      meta.annotations = meta.annotations.filter { MetadataTrimming.isIstio($0.key) }
    }
    if !keepsLabels, !meta.labels.isEmpty {
      meta.labels = meta.labels.filter { MetadataTrimming.isRead($0.key) }
    }
  }

  private static func isRead(_ label: String) -> Bool {
    label == "kubernetes.io/service-name" || isIstio(label)
  }

  /// Whether a key is of Istio's domain, such as `networking.istio.io/exportTo`.
  private static func isIstio(_ key: String) -> Bool {
    guard let slash = key.firstIndex(of: "/") else { return false }
    let domain = key[..<slash]
    return domain == "istio" || domain == "istio.io" || domain.hasSuffix(".istio.io")
  }
}
