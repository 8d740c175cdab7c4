// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

/// Objects of a kind that applies to selected workloads, one at most to each.
private struct SelectingObject {
  var key: ObjectKey
  /// The labels of the workloads; empty for all of the namespace.
  var labels: [String: String]
}

extension Analyzer {
  /// Sidecars that select no Pod, or a Pod that another selects, and those without selector that are
  /// not alone in their namespace.
  static func sidecarSelectors(_ input: AnalysisInput) -> [Finding] {
    let objects = input.mesh.config.sidecars.all.map {
      SelectingObject(key: $0.key, labels: $0.spec.workloadSelector?.labels ?? [:])
    }
    return selecting(objects, "Sidecars", "spec.workloadSelector", .conflictingSidecars, input)
      + defaults(objects, "Sidecars", .severalDefaultSidecars)
  }

  /// Telemetry objects that select no Pod, or a Pod that another selects.
  static func telemetrySelectors(_ input: AnalysisInput) -> [Finding] {
    selecting(
      telemetries(input), "Telemetries", "spec.selector", .conflictingTelemetries, input)
  }

  /// Telemetry objects without selector that are not alone in their namespace.
  static func defaultTelemetries(_ input: AnalysisInput) -> [Finding] {
    defaults(telemetries(input), "Telemetries", .severalDefaultTelemetries)
  }

  private static func telemetries(_ input: AnalysisInput) -> [SelectingObject] {
    input.mesh.config.telemetries.all.filter {
      $0.spec.targetRef == nil && $0.spec.targetRefs.isEmpty
    }
    .map { SelectingObject(key: $0.key, labels: $0.spec.selector?.matchLabels ?? [:]) }
  }

  private static func selecting(
    _ objects: [SelectingObject], _ kinds: String, _ field: String,
    _ message: AnalysisMessage, _ input: AnalysisInput
  ) -> [Finding] {
    var found: [Finding] = []
    var byPod: [ObjectKey: [ObjectKey]] = [:]
    for object in objects where !object.labels.isEmpty {
      let pods = input.pods(selectedBy: object.labels).filter {
        $0.meta.namespace == object.key.namespace
      }
      for pod in pods { byPod[pod.key, default: []].append(object.key) }
      guard pods.isEmpty else { continue }
      found.append(
        Finding(
          .notFound, object.key, field: field,
          "Referenced selector not found: \(quoted(selectorText(object.labels)))"))
    }
    for (pod, rivals) in byPod where rivals.count > 1 {
      let names = rivals.map(\.name).sorted().joined(separator: " ")
      found += rivals.map { key in
        Finding(
          message, key, field: field,
          "The \(kinds) [\(names)] in namespace \(quoted(pod.namespace)) select the same workload pod "
            + "\(quoted(pod.name)), which can lead to undefined behavior.")
      }
    }
    return found
  }

  private static func defaults(
    _ objects: [SelectingObject], _ kinds: String, _ message: AnalysisMessage
  ) -> [Finding] {
    let byNamespace = Dictionary(grouping: objects.filter(\.labels.isEmpty), by: \.key.namespace)
    return byNamespace.filter { $0.value.count > 1 }.flatMap { namespace, objects in
      let names = objects.map(\.key.name).sorted().joined(separator: " ")
      return objects.map {
        Finding(
          message, $0.key,
          "The \(kinds) [\(names)] in namespace \(quoted(namespace)) have no workload selector, which "
            + "can lead to undefined behavior.")
      }
    }
  }

  /// Ports of Services whose name does not say what is spoken.
  static func portNames(_ input: AnalysisInput) -> [Finding] {
    let managers: Set = [
      "istio.io-gateway-controller", "istio.io-mesh-controller", "istio.io-eastwest-controller",
    ]
    return input.mesh.registry.sources.tables.services.values.flatMap { object -> [Finding] in
      guard let spec = object.spec.spec, !object.isOfControlPlane,
        !managers.contains(object.meta.labels["gateway.istio.io/managed"] ?? "")
      else { return [] }
      let isExternalName = spec.type == "ExternalName"
      return spec.ports.enumerated().compactMap { place, port in
        let spoken = PortProtocol(
          port: port.port, name: port.name, transport: port.protocol, appProtocol: port.appProtocol)
        guard spoken == .unsupported || port.name == "tcp" && isExternalName else { return nil }
        let field = "spec.ports[\(place)].name"
        guard !isExternalName else {
          return Finding(
            .externalNamePort, object.key, field: field,
            "Port name for ExternalName service is invalid. Proxy may prevent tcp named ports and "
              + "unmatched traffic for ports serving TCP protocol from being forwarded correctly")
        }
        let target = port.targetPort.map { $0.string ?? $0.integer.map(String.init) ?? "" } ?? "0"
        return Finding(
          .portName, object.key, field: field,
          "Port name \(port.name) (port: \(port.port), targetPort: \(target)) doesn't follow the naming "
            + "convention of Istio port.")
      }
    }
  }
}

extension ConfigObject where Spec == Kubernetes.Service {
  /// Whether the Service is one of Istio's own.
  fileprivate var isOfControlPlane: Bool {
    meta.labels["istio"] != nil || meta.labels["release"] == "istio"
  }
}
