// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON

/// Leaves out the metadata that nothing reads, so that an edit of it is no change, and none is held.
///
/// Out go who manages which field, what was last applied, versions (but for the kinds whose version
/// reaches proxies), annotations of others than Istio, and labels that select nothing.
struct MetadataTrimming {
  private let keepsVersion: Bool
  private let keepsLabels: Bool

  /// The trimming of objects of a kind.
  init(of kind: ResourceKind) {
    keepsVersion = MetadataTrimming.versioned.contains(kind)
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

  /// The object without what nothing reads.
  func trimmed(_ value: JSONValue) -> JSONValue {
    guard case .object(let object) = value else { return value }
    let members = object.members.map { member in
      guard member.key == "metadata", case .object(let metadata) = member.value else {
        return member
      }
      return JSONObject.Member("metadata", .object(trimmed(metadata)))
    }
    return .object(JSONObject(distinct: members))
  }

  private func trimmed(_ metadata: JSONObject) -> JSONObject {
    let kept = metadata.members.compactMap { member -> JSONObject.Member? in
      switch member.key {
      case "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generateName",
        "ownerReferences":
        member
      case "resourceVersion", "generation": keepsVersion ? member : nil
      case "annotations": reduced(member, MetadataTrimming.isIstio)
      case "labels": keepsLabels ? member : reduced(member, MetadataTrimming.isRead)
      default: nil
      }
    }
    return JSONObject(distinct: kept)
  }

  private func reduced(
    _ member: JSONObject.Member, _ isKept: (String) -> Bool
  ) -> JSONObject.Member? {
    guard case .object(let object) = member.value else { return member }
    let kept = object.members.filter { isKept($0.key) }
    return kept.isEmpty ? nil : .init(member.key, .object(JSONObject(distinct: kept)))
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
