// SPDX-License-Identifier: Apache-2.0

import Configuration

/// What one reflector follows: objects of a kind, all that a source needs of them.
struct WatchedKind: Hashable, Sendable {
  /// What it is for.
  enum Purpose: Hashable, Sendable {
    /// To be served.
    case configuration
    /// The mesh's configuration: one ConfigMap.
    case mesh
    /// To know which kinds there are.
    case definitions
  }

  let kind: ResourceKind
  var purpose = Purpose.configuration
  /// The namespace; empty for all.
  var namespace = ""
  var fieldSelector = ""
  var labelSelector = ""
  /// The one object that is followed; empty for all.
  var objectName = ""
  /// Whether all else is told without it where the API server refuses it.
  var isDispensable = false

  /// How the kind is followed.
  var settings: Reflector.Settings {
    Reflector.Settings(versions: kind.versions, isOptional: kind.group.hasSuffix("istio.io"))
  }

  /// The path of the objects in a version of the API.
  func path(version: String) -> String {
    let group = kind.group.isEmpty ? "/api/\(version)" : "/apis/\(kind.group)/\(version)"
    let place = namespace.isEmpty || kind.isClusterScoped ? "" : "/namespaces/\(namespace)"
    return "\(group)\(place)/\(kind.plural)"
  }

  /// What every request has in its query.
  var query: [(name: String, value: String)] {
    [("fieldSelector", fieldSelector), ("labelSelector", labelSelector)].filter { !$0.1.isEmpty }
  }

  /// The forms of objects to ask for: of Kubernetes' own kinds protobuf, where the server has it.
  func accept(_ request: ReflectorRequest) -> String {
    let json = "application/json"
    guard purpose != .definitions else {
      // What a list is asked for as the metadata of one object is refused.
      var form = "PartialObjectMetadata"
      if case .list = request.question { form += "List" }
      return "\(json);as=\(form);g=meta.k8s.io;v=v1,\(json)"
    }
    let isKnown = request.version == "v1" && ConfigurationObject.hasWireForm(kind)
    return isKnown ? "\(WireEnvelope.mediaType),\(json)" : json
  }

  /// How operators are told of it.
  var name: String {
    let selectors = [fieldSelector, labelSelector].filter { !$0.isEmpty }
    return selectors.isEmpty
      ? kind.plural : "\(kind.plural) (\(selectors.joined(separator: ", ")))"
  }
}

extension WatchedKind {
  /// The definitions of kinds, of which only the names are read.
  static let definitions = WatchedKind(
    kind: ResourceKind(
      group: "apiextensions.k8s.io", kind: "CustomResourceDefinition",
      plural: "customresourcedefinitions", versions: ["v1"], isClusterScoped: true),
    purpose: .definitions)

  /// The kinds to serve, of one namespace or, with an empty one, of all.
  static func configuration(namespace: String) -> [WatchedKind] {
    ConfigurationObject.kinds.filter { $0 != Kubernetes.ServiceAccount.kind }.map { kind in
      WatchedKind(
        kind: kind, namespace: kind.isClusterScoped ? "" : namespace,
        fieldSelector: selectors[kind] ?? "")
    }
  }

  /// The kinds that services and what is behind them are made of.
  ///
  /// - Parameter withEntries: Whether WorkloadEntries are among them, where they may be read.
  static func services(namespace: String, withEntries: Bool) -> [WatchedKind] {
    let kinds: Set<ResourceKind> = [
      Kubernetes.Namespace.kind, Kubernetes.Node.kind, Kubernetes.Service.kind,
      Kubernetes.EndpointSlice.kind, Kubernetes.Pod.kind,
    ]
    let entry = Istio.WorkloadEntry.kind
    return configuration(namespace: namespace).compactMap { watch in
      var watch = watch
      watch.isDispensable = watch.kind == entry
      return kinds.contains(watch.kind) || withEntries && watch.kind == entry ? watch : nil
    }
  }

  /// A ConfigMap of the mesh's configuration.
  static func mesh(_ name: String, in namespace: String) -> WatchedKind {
    WatchedKind(
      kind: Kubernetes.ConfigMap.kind, purpose: .mesh, namespace: namespace,
      fieldSelector: "metadata.name=\(name)", objectName: name)
  }

  /// What is never of use, and need not be sent.
  private static let selectors: [ResourceKind: String] = [
    Kubernetes.Pod.kind: "status.phase!=Failed",
    Kubernetes.Secret.kind:
      "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token",
  ]
}
