// SPDX-License-Identifier: Apache-2.0

import Configuration
import Foundation
import JSON
import YAML

/// Istio's documented tasks as the corpus has them, where it lies beside the repository.
enum TaskCorpus {
  /// `../shared/conformance`, from the package or from a worktree of it.
  static let folder: URL? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return ["..", "../.."].map {
      package.appending(path: $0 + "/shared/conformance").standardizedFileURL
    }.first { FileManager.default.fileExists(atPath: $0.appending(path: "tasks").path) }
  }()

  /// The documents of a file below the corpus.
  static func documents(_ path: String) -> [JSONValue] {
    folder.map { documents(at: $0.appending(path: path)) } ?? []
  }

  private static func documents(at file: URL) -> [JSONValue] {
    guard let data = try? Data(contentsOf: file) else { return [] }
    let limits = YAMLLimits(documentBytes: 16 << 20)
    return YAML.documents(in: [UInt8](data), limits: limits).documents.map(\.value).filter {
      $0 != .null
    }
  }

  /// All tasks; those that are written for the Gateway API only in Istio's own API, where
  /// `Tests/Tasks/forms` has them.
  static let tasks = (documents("tasks/tasks.yaml").first?["tasks"]?.array ?? []).map { task in
    let forms = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Tasks/forms")
    let file = forms.appending(path: (task["id"]?.string ?? "") + ".yaml")
    guard let form = documents(at: file).first, var members = task.object else { return task }
    members["area"] = "traffic-management"
    members["resources"] = form["resources"]
    members["resource_files"] = form["samples"] ?? []
    members["checks"] = task["checks"] ?? form["checks"]
    return .object(members)
  }
}

/// A cluster that has what a task's manifests ask for: pods, addresses, endpoints.
struct TaskCluster {
  /// Its objects.
  private(set) var objects: [JSONValue] = []
  /// The address of a pod, by the text of its labels that the checks name it by.
  private var pods: [(namespace: String, labels: [String: String], address: String)] = []

  /// The workloads that tasks call from, the gateways, and what `documents` say.
  init(_ documents: [JSONValue]) {
    for name in ["ingressgateway", "egressgateway"] { addGateway(name) }
    let base = [
      "bookinfo/platform/kube/bookinfo.yaml", "bookinfo/networking/destination-rule-all.yaml",
      "curl/curl.yaml", "httpbin/sample-client/fortio-deploy.yaml",
    ].flatMap { TaskCorpus.documents("samples/" + $0) }
    var services: [String: JSONValue] = [:]
    for document in base + documents {
      switch document["kind"]?.string {
      case "Deployment": addPod(of: document)
      case "Service": services[document["metadata"]?["name"]?.string ?? ""] = document
      default: objects.append(document)
      }
    }
    for (name, service) in services.sorted(by: { $0.key < $1.key }) { add(service, name) }
  }

  /// The objects as one text.
  var text: String { objects.map { $0.text() }.joined(separator: "\n---\n") }

  /// The address of a pod whose label `app` or `istio` is this.
  func address(of name: String) -> String? {
    pods.first { $0.labels["app"] == name || $0.labels["istio"] == name }?.address
  }

  private mutating func addGateway(_ name: String) {
    let labels: JSONValue = ["app": .string("istio-" + name), "istio": .string(name)]
    addPod("istio-" + name, "istio-system", labels)
    let service: JSONValue = [
      "apiVersion": "v1", "kind": "Service",
      "metadata": ["name": .string("istio-" + name), "namespace": "istio-system"],
      "spec": [
        "selector": labels,
        "ports": [
          ["name": "http2", "port": 80, "targetPort": 8080],
          ["name": "https", "port": 443, "targetPort": 8443],
          ["name": "tcp", "port": 31400, "targetPort": 31400],
        ],
      ],
    ]
    add(service, "istio-" + name)
  }

  private mutating func addPod(of workload: JSONValue) {
    let name = workload["metadata"]?["name"]?.string ?? ""
    let labels = workload["spec"]?["template"]?["metadata"]?["labels"] ?? [:]
    addPod(name, workload["metadata"]?["namespace"]?.string ?? "default", labels)
  }

  private mutating func addPod(_ name: String, _ namespace: String, _ labels: JSONValue) {
    let address = "10.2.0.\(pods.count + 1)"
    let texts = (labels.object?.members ?? []).map { ($0.key, $0.value.string ?? "") }
    pods.append((namespace, Dictionary(texts) { $1 }, address))
    objects.append([
      "apiVersion": "v1", "kind": "Pod",
      "metadata": [
        "name": .string(name), "namespace": .string(namespace), "labels": labels,
      ],
      "spec": ["serviceAccountName": .string(name), "containers": []],
      "status": ["phase": "Running", "podIP": .string(address)],
    ])
  }

  /// Adds a Service with its address, and its endpoints.
  private mutating func add(_ service: JSONValue, _ name: String) {
    guard var object = service.object, var spec = service["spec"]?.object else { return }
    let namespace = service["metadata"]?["namespace"]?.string ?? "default"
    spec["clusterIP"] = .string("10.3.0.\(objects.count % 250 + 1)")
    object["spec"] = .object(spec)
    objects.append(.object(object))
    let selector = spec["selector"]?.object?.members ?? []
    let chosen = pods.filter { pod in
      pod.namespace == namespace && !selector.isEmpty
        && selector.allSatisfy { pod.labels[$0.key] == $0.value.string }
    }
    let ports = (spec["ports"]?.array ?? []).map { port -> JSONValue in
      let number = port["targetPort"] ?? port["port"] ?? .null
      return [
        "name": port["name"] ?? "", "protocol": "TCP",
        "port": number.string == nil ? number : port["port"] ?? .null,
      ]
    }
    objects.append([
      "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
      "metadata": [
        "name": .string(name + "-1"), "namespace": .string(namespace),
        "labels": ["kubernetes.io/service-name": .string(name)],
      ],
      "ports": .array(ports),
      "endpoints": .array(
        chosen.map { ["addresses": [.string($0.address)], "conditions": ["ready": true]] }),
    ])
  }
}
