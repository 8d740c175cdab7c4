// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// The namespaces whose objects count: those that one of the mesh's `discoverySelectors` selects.
public struct NamespaceSelection: Hashable, Sendable {
  /// The names; nil where all namespaces count.
  private var selected: Set<String>?

  /// All namespaces.
  public init() {}

  /// The selection of a mesh among namespaces.
  public init(
    _ mesh: Istio.MeshConfig,
    among namespaces: some Sequence<ConfigObject<Kubernetes.Namespace>>
  ) {
    guard !mesh.discoverySelectors.isEmpty else { return }
    let found = namespaces.filter { namespace in
      mesh.discoverySelectors.contains { $0.selects(namespace.meta.labels) }
    }
    selected = Set(found.map(\.meta.name))
  }

  /// Whether objects of a namespace count; those of the whole cluster always do.
  public func contains(_ namespace: String) -> Bool {
    namespace.isEmpty || selected?.contains(namespace) ?? true
  }
}

extension Istio.Mesh.LabelSelector {
  /// Whether labels meet all that is asked (Kubernetes' label selectors); what is no operator of
  /// Kubernetes' is never met.
  fileprivate func selects(_ labels: [String: String]) -> Bool {
    matchLabels.isSubset(of: labels) && matchExpressions.allSatisfy { $0.isMet(by: labels) }
  }
}

extension Istio.Mesh.LabelSelectorRequirement {
  fileprivate func isMet(by labels: [String: String]) -> Bool {
    let value = labels[key]
    return switch `operator` {
    case "In": value.map(values.contains) ?? false
    case "NotIn": !(value.map(values.contains) ?? false)
    case "Exists": value != nil
    case "DoesNotExist": value == nil
    default: false
    }
  }
}
