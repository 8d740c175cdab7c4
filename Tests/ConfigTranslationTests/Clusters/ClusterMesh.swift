// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing
import YAML

/// A mesh of YAML, and what its proxies are given.
struct ClusterMesh {
  let mesh: MeshSnapshot
  let cache = ResourceCache()

  /// A mesh of the objects in YAML; one that cannot be read fails the test.
  init(_ yaml: String..., settings: MeshSettings = MeshSettings()) {
    let stream = YAML.documents(in: yaml.joined(separator: "\n---\n"))
    #expect(stream.errors.isEmpty)
    let objects = stream.documents.compactMap { document -> ConfigurationObject? in
      let (object, diagnostics) = ConfigurationObject.decode(document.value)
      if object == nil { Issue.record("\(diagnostics)") }
      return object
    }
    mesh = MeshSnapshot(objects, settings: settings)
  }

  /// A proxy at an address of a Pod; without Istio's version it is a plain Envoy.
  func proxy(
    _ address: String = "10.0.0.1", kind: String = "sidecar", isPlain: Bool = false,
    metadata: [String: JSONValue] = [:]
  ) -> ProxyContext {
    var members = metadata
    if !isPlain { members["ISTIO_VERSION"] = "1.30.3" }
    let object = JSONObject(distinct: members.map { JSONObject.Member($0.key, $0.value) })
    let id = "\(kind)~\(address)~pod.default~default.svc.cluster.local"
    guard let node = ProxyNode(id: id, metadata: object) else {
      preconditionFailure("the id of a test's proxy is \(id)")
    }
    return ProxyContext(mesh, node: node, cache: cache)
  }

  /// A Pod at an address, with a sidecar, in a zone by the label that overrides its node's.
  static func pod(
    _ name: String, _ address: String, labels: String, zone: String = "r/z1"
  ) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
      name: \(name)
      namespace: default
      labels: {\(labels), security.istio.io/tlsMode: istio, istio-locality: \(dotted(zone))}
    spec: {serviceAccountName: \(name), nodeName: n}
    status:
      phase: Running
      podIP: \(address)
      podIPs: [{ip: \(address)}]
      conditions: [{type: Ready, status: 'True'}]
    """
  }

  private static func dotted(_ zone: String) -> String {
    zone.split(separator: "/").joined(separator: ".")
  }

  /// A Service `web` on port 80, HTTP, with endpoints at Pods.
  static func web(_ pods: [(name: String, address: String)]) -> String {
    let endpoints = pods.map { pod in
      """
      - addresses: [\(pod.address)]
        conditions: {ready: true}
        targetRef: {kind: Pod, name: \(pod.name), namespace: default}
      """
    }
    return """
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: default}
      spec:
        clusterIP: 10.1.0.1
        clusterIPs: [10.1.0.1]
        type: ClusterIP
        selector: {app: web}
        ports: [{name: http, port: 80, protocol: TCP, targetPort: 8080}]
      ---
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata:
        name: web-1
        namespace: default
        labels: {kubernetes.io/service-name: web}
      addressType: IPv4
      ports: [{name: http, port: 8080, protocol: TCP}]
      endpoints:
      \(endpoints.joined(separator: "\n"))
      """
  }

  static func rule(_ spec: String, host: String = "web") -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: rule, namespace: default}
    spec: {host: \(host), \(spec)}
    """
  }
}

extension ProxyContext {
  /// A cluster as JSON; null where there is none of the name.
  func cluster(_ name: String) -> JSONValue {
    clusters().first { $0.name == name }?.json() ?? .null
  }

  /// A load assignment as JSON; null where there is none.
  func assignment(_ name: String) -> JSONValue { endpoints(name)?.json() ?? .null }
}

extension JSONValue {
  /// What stands at members and places (`0`, `1`, …) one below another; null where nothing does.
  subscript(path path: String) -> JSONValue {
    path.split(separator: "/").reduce(self) { value, part in
      if let place = Int(part), let array = value.array {
        return place < array.count ? array[place] : .null
      }
      return value[String(part)] ?? .null
    }
  }
}
