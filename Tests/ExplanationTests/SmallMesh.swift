// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import JSON
import MeshModel
import YAML

/// A mesh of YAML, for requests to be asked in: services `server` (HTTP 80, TCP 9000, TLS 443) and
/// `other` (HTTP 80), and a gateway's Service, whose port 80 leads to 8080.
struct SmallMesh {
  let store: MeshStore
  let mesh: MeshSnapshot

  init(_ objects: String = "", settings: MeshSettings = MeshSettings()) throws {
    let text = Self.services + "\n---\n" + objects
    let documents = YAML.documents(in: [UInt8](text.utf8), limits: YAMLLimits()).documents
    var transaction = SourceTransaction()
    for document in documents {
      let origin = ObjectOrigin(file: "a.yaml", line: 1)
      let reading = SourcedObject.read(document.value, strictness: .lenient, origin: origin) { _ in
        nil
      }
      if case .object(let object) = reading { transaction.upserts.append(object) }
    }
    var store = MeshStore(settings: settings)
    _ = store.apply(transaction, at: 0)
    guard let snapshot = store.snapshot else { throw NotServed() }
    self.store = store
    mesh = snapshot
  }

  struct NotServed: Error {}

  /// A client's sidecar, or a proxy at another address or of another kind.
  func context(
    _ kind: ProxyNode.Kind = .sidecar, address: String = "10.0.0.9", namespace: String = "default"
  ) -> ProxyContext {
    var node = ProxyNode(
      id: "\(kind.rawValue)~\(address)~pod.\(namespace)~\(namespace).svc.cluster.local", kind: kind,
      addresses: [address], name: "pod", namespace: namespace,
      dnsDomain: "\(namespace).svc.cluster.local")
    node.cluster = "Kubernetes"
    node.istioVersion = "1.30.3"
    node.metadata = JSONObject(distinct: [
      .init("ISTIO_VERSION", "1.30.3"), .init("CLUSTER_ID", "Kubernetes"),
    ])
    return ProxyContext(mesh, node: node, cache: ResourceCache())
  }

  /// The gateway's proxy.
  var gateway: ProxyContext { context(.router, address: "10.0.0.7") }

  static let host = "server.default.svc.cluster.local"

  private static let services = """
    apiVersion: v1
    kind: Service
    metadata: {name: server, namespace: default}
    spec:
      clusterIP: 10.1.0.2
      clusterIPs: [10.1.0.2]
      selector: {app: server}
      ports:
      - {name: http, protocol: TCP, port: 80, targetPort: 8080}
      - {name: tcp, protocol: TCP, port: 9000, targetPort: 9000}
      - {name: tls, protocol: TCP, port: 443, targetPort: 8443}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: other, namespace: default}
    spec:
      clusterIP: 10.1.0.3
      clusterIPs: [10.1.0.3]
      selector: {app: other}
      ports: [{name: http, protocol: TCP, port: 80, targetPort: 8080}]
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: gateway, namespace: default}
    spec:
      clusterIP: 10.1.0.4
      clusterIPs: [10.1.0.4]
      selector: {istio: gateway}
      ports:
      - {name: http, protocol: TCP, port: 80, targetPort: 8080}
      - {name: https, protocol: TCP, port: 443, targetPort: 8443}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: server-1, namespace: default, labels: {app: server, version: v1}}
    spec: {serviceAccountName: server, containers: []}
    status: {podIP: 10.0.0.2, phase: Running}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: gateway-1, namespace: default, labels: {istio: gateway}}
    spec: {serviceAccountName: gateway, containers: []}
    status: {podIP: 10.0.0.7, phase: Running}
    ---
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata:
      name: server-1
      namespace: default
      labels: {kubernetes.io/service-name: server}
    addressType: IPv4
    ports:
    - {name: http, protocol: TCP, port: 8080}
    - {name: tcp, protocol: TCP, port: 9000}
    - {name: tls, protocol: TCP, port: 8443}
    endpoints:
    - addresses: [10.0.0.2]
      conditions: {ready: true}
      targetRef: {kind: Pod, name: server-1, namespace: default}
    """
}
