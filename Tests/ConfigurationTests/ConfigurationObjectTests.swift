// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import Testing

@Suite struct ConfigurationObjectTests {
  private let service: JSONValue = [
    "apiVersion": "v1", "kind": "Service",
    "metadata": [
      "name": "a", "creationTimestamp": "1970-01-02T00:00:01+01:00",
      "managedFields": [["fieldsV1": ["f:x": [:]]]],
    ],
    "spec": [
      "ports": [["name": "http", "port": 80, "targetPort": "web", "nodePort": 30080]],
      "healthCheckNodePort": 30081,
      "clusterIPs": ["10.0.0.1", "fd00::1"],
    ],
  ]

  @Test func readsKubernetesObjectsAndPassesOverTheirOtherFields() throws {
    let (object, diagnostics) = ConfigurationObject.decode(service)
    guard case .service(let service) = object else {
      Issue.record("not a Service: \(diagnostics)")
      return
    }
    #expect(diagnostics.isEmpty)
    #expect(service.meta.namespace == "default")
    #expect(service.meta.creationTime == 82_801)
    #expect(service.spec.spec?.ports.first?.targetPort == "web")
    #expect(service.spec.spec?.clusterIPs == ["10.0.0.1", "fd00::1"])
  }

  @Test(arguments: ["v1", "v1beta1", "v1alpha3"])
  func readsEveryVersion(version: String) {
    let value: JSONValue = [
      "apiVersion": .string("networking.istio.io/" + version), "kind": "VirtualService",
      "metadata": ["name": "a", "namespace": "b"], "spec": ["hosts": ["x"]],
    ]
    let key = ConfigurationObject.decode(value).object?.key
    #expect(key?.description == "VirtualService.networking.istio.io b/a")
  }

  @Test func saysWhatItDoesNotRead() {
    let (object, diagnostics) = ConfigurationObject.decode(
      ["apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "a"]])
    #expect(object == nil)
    #expect(diagnostics == [Diagnostic(.warning, "Deployment of apps/v1 is not read")])
  }

  @Test func unknownFieldsAreErrorsOrWarnings() {
    let value: JSONValue = [
      "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": ["name": "a"],
      "spec": ["serverz": [], "selector": ["x": "y"]],
    ]
    let strict = ConfigurationObject.decode(value)
    #expect(strict.object == nil)
    #expect(strict.diagnostics.map(\.description) == ["error: spec.serverz: unknown field"])
    let lenient = ConfigurationObject.decode(value, strictness: .lenient)
    #expect(lenient.object != nil)
    #expect(lenient.diagnostics.map(\.description) == ["warning: spec.serverz: unknown field"])
  }

  @Test(
    arguments: [
      (
        ["apiVersion": "v1", "kind": "Service", "spec": ["selctor": ["app": "a"]]], "spec.selctor"
      ),
      (
        [
          "apiVersion": "v1", "kind": "Pod",
          "spec": [
            "tolerations": [["key": "a", "operator": "Exists"]],
            "containers": [
              ["name": "a", "env": [["name": "A", "valueFrom": ["fieldRef": ["fieldpath": "x"]]]]]
            ],
          ],
        ], "spec.containers[0].env[0].valueFrom.fieldRef.fieldpath"
      ),
      (
        [
          "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
          "endpoints": [["adresses": ["10.0.0.1"]]],
        ], "endpoints[0].adresses"
      ),
      (["apiVersion": "v1", "kind": "Secret", "stringdata": ["a": "b"]], "stringdata"),
      (["apiVersion": "v1", "kind": "ConfigMap", "spec": [:]], "spec"),
      (["apiVersion": "v1", "kind": "Node", "status": ["address": []]], "status.address"),
      (["apiVersion": "v1", "kind": "Namespace", "metadata": ["lables": [:]]], "metadata.lables"),
      (
        [
          "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
          "metadata": ["anotations": [:]],
        ], "metadata.anotations"
      ),
      (["apiVersion": "networking.istio.io/v1", "kind": "Gateway", "spek": [:]], "spek"),
    ] as [(JSONValue, String)])
  func misspeltFieldsOfKubernetesAreErrors(value: JSONValue, path: String) throws {
    var object = try #require(value.object)
    var metadata = object["metadata"]?.object ?? JSONObject()
    metadata["name"] = "a"
    object["metadata"] = .object(metadata)
    let strict = ConfigurationObject.decode(.object(object))
    #expect(strict.object == nil)
    #expect(strict.diagnostics.map(\.description) == ["error: \(path): unknown field"])
    // An API server has pruned what it does not know, and may know more than we do.
    let lenient = ConfigurationObject.decode(.object(object), strictness: .lenient)
    #expect(lenient.object != nil && lenient.diagnostics.isEmpty)
  }

  @Test func neverPrintsSecrets() throws {
    let (object, _) = ConfigurationObject.decode([
      "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "a"], "type": "Opaque",
      "stringData": ["b": "hunter2"], "data": ["b": "b2xk", "c": "c2VjcmV0"],
    ])
    guard case .secret(let secret) = object else {
      Issue.record("not a Secret")
      return
    }
    #expect(secret.spec.data["b"]?.bytes == Array("hunter2".utf8))
    var dumped = ""
    dump(secret, to: &dumped)
    for text in [dumped, "\(secret.spec)", "\(secret.spec.json)", String(reflecting: secret.spec)] {
      #expect(!text.contains("hunter2") && !text.contains("104"))
    }
  }

  @Test func expandsLists() {
    let items = ConfigurationObject.expandLists([
      "apiVersion": "v1", "kind": "List",
      "items": [
        ["apiVersion": "v1", "kind": "PodList", "items": [["metadata": ["name": "p"]]]], service,
      ],
    ])
    #expect(
      items.map { ConfigurationObject.decode($0).object?.key.description } == [
        "Pod default/p", "Service default/a",
      ])
  }

  @Test func olderObjectsComeFirst() {
    var old = ObjectMeta(name: "b", namespace: "x")
    var young = ObjectMeta(name: "a", namespace: "x")
    #expect(young.isOlder(than: old))
    old.creationTime = 1
    young.creationTime = 2
    #expect(old.isOlder(than: young))
    #expect(ObjectMeta(name: "z").isOlder(than: old))
  }

  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2026-01-01T00:00:00Z", 1_767_225_600),
      ("2024-02-29T12:00:00.123Z", 1_709_208_000), ("2000-03-01t00:00:00+00:00", 951_868_800),
    ] as [(String, Int64)])
  func readsTimes(text: String, seconds: Int64) { #expect(Timestamp.seconds(text) == seconds) }

  @Test(arguments: ["", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"])
  func refusesTimes(text: String) { #expect(Timestamp.seconds(text) == nil) }
}

@Suite struct MeshOverlayTests {
  @Test func overlaysAsIstiodDoes() throws {
    var base = Istio.Mesh.MeshConfig.standard
    base.trustDomainAliases = ["z"]
    base.defaultConfig?.proxyMetadata = ["A": "1", "B": "2"]
    let (mesh, diagnostics) = try base.overlaid(with: [
      "accessLogFile": "/dev/stdout", "trustDomainAliases": ["a"], "novel": 1,
      "outboundTrafficPolicy": ["mode": "REGISTRY_ONLY"],
      "defaultConfig": ["proxyMetadata": ["B": "3"], "concurrency": 2],
      "extensionProviders": [
        ["name": "envoy", "envoyFileAccessLog": ["path": "/x"]],
        ["name": "zipkin", "zipkin": ["service": "z", "port": 9411]],
      ],
    ])
    #expect(diagnostics.map(\.description) == ["warning: novel: unknown field"])
    #expect(mesh.outboundTrafficPolicy?.mode == .registryOnly)
    #expect(mesh.connectTimeout == .seconds(10))
    #expect(mesh.trustDomainAliases == ["a", "z"])
    #expect(mesh.defaultConfig?.proxyMetadata == ["A": "1", "B": "3"])
    #expect(mesh.defaultConfig?.drainDuration == .seconds(45))
    #expect(mesh.defaultConfig?.concurrency == 2)
    #expect(
      mesh.extensionProviders.map(\.name) == ["prometheus", "stackdriver", "envoy", "zipkin"])
    #expect(mesh.extensionProviders[2].provider == .envoyFileAccessLog(.with { $0.path = "/x" }))
  }

  @Test func readsNetworks() throws {
    let networks = try Istio.MeshNetworks(decoding: [
      "networks": [
        "n1": [
          "endpoints": [["fromRegistry": "c1"]],
          "gateways": [["address": "1.1.1.1", "port": 15443]],
        ]
      ]
    ])
    #expect(networks.networks["n1"]?.endpoints == [.fromRegistry("c1")])
    #expect(networks.networks["n1"]?.gateways.first?.gw == .address("1.1.1.1"))
  }
}
