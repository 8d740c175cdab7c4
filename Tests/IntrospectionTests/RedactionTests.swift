// SPDX-License-Identifier: Apache-2.0

import Configuration
import HTTPServer
import JSON
import MeshModel
import Testing

@testable import DiscoveryServer
@testable import Introspection

/// That no page shows a private key, wherever one was written.
@Suite struct RedactionTests {
  private static let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
  /// Headers in base64, at each of its three offsets, made by another tool.
  private static let encoded = [
    "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==",
    "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=",
    "eC0tLS0tQkVHSU4gUFJJVkFURSBLRVktLS0tLQo=", "eHgtLS0tLUJFR0lOIFBSSVZBVEUgS0VZLS0tLS0K",
  ]

  @Test(arguments: encoded + [key])
  func `keys are found by content`(text: String) {
    let mark = text == Self.key ? Redaction.mark : Redaction.encodedMark
    #expect(Redaction.holdsKey(text))
    #expect(Redaction.redacted([["a": .string(text)]]) == [["a": .string(mark)]])
    #expect(Redaction.redacted([text: 1]) == [mark: 1])
  }

  @Test func `other texts are left alone`() {
    let value: JSONValue = [
      "certificate": "-----BEGIN CERTIFICATE-----", "n": 1, "b": true, "l": ["private_keys", nil],
    ]
    #expect(Redaction.redacted(value) == value)
  }

  @Test func `secret fields are emptied, but their place is shown`() {
    let value: JSONValue = [
      "private_key": ["inline_bytes": "AAAA"], "password": "hunter2",
      "session_ticket_keys": ["keys": [["filename": "/a"], ["inline_string": "x"]]],
      "privateKey": ["environment_variable": "KEY"],
    ]
    let expected: JSONValue = [
      "private_key": ["inline_bytes": "W3JlZGFjdGVkXQ=="], "password": "[redacted]",
      "session_ticket_keys": ["keys": [["filename": "/a"], ["inline_string": "[redacted]"]]],
      "privateKey": ["environment_variable": "KEY"],
    ]
    #expect(Redaction.redacted(value) == expected)
  }

  @Test(arguments: DebugPage.all.map(\.path) + ["/debug", "/debug/endpointz?brief=true"])
  func `no page shows a key`(path: String) async throws {
    let key = JSONValue.string(Self.key)
    var mesh = SampleMesh(
      objects: [
        [
          "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s", "namespace": "default"],
          "type": "kubernetes.io/tls", "stringData": ["tls.key": key],
        ],
        [
          "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
          "metadata": [
            "name": "f", "namespace": "default", "annotations": ["last-applied": key],
          ],
          "spec": [
            "configPatches": [
              ["applyTo": "CLUSTER", "patch": ["operation": "MERGE", "value": ["a": key]]]
            ]
          ],
        ],
        [
          "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
          "metadata": ["name": "e", "namespace": "default", "annotations": ["a": key]],
          "spec": [
            "hosts": ["e.example.com"], "resolution": "STATIC",
            "ports": [["number": 80, "name": "http", "protocol": "HTTP"]],
            "endpoints": [["address": "192.0.2.7"]],
          ],
        ],
      ],
      problems: [
        StoredDiagnostic(.rejected, key: nil, origin: ObjectOrigin(file: "f"), message: Self.key)
      ],
      connections: [connection("a", metadata: ["KEY": key])])
    mesh.refusals = [
      NackRecord(
        connection: "c", node: "a", type: "sds", nonce: "", version: "", code: 3,
        message: Self.key, names: [Self.key], at: 0)
    ]
    mesh.missing = [Self.key]
    let query =
      path == "/debug/rollout"
      ? "?kind=ServiceEntry&name=e" : "?proxyID=a&url=http://e.example.com/"
    let target = path.contains("?") ? path : path + query
    let page = try await mesh.get(target)
    #expect(page.status == 200)
    #expect(!Redaction.holdsKey(page.text))
    #expect(page.bodyCount > 0)
  }

  @Test func `a refusal does not repeat a key`() async throws {
    let mesh = SampleMesh()
    let page = try await mesh.get("/debug/config_dump?proxyID=PRIVATE%20KEY")
    #expect(page.status == 404)
    #expect(!page.text.contains("PRIVATE KEY"))
  }
}
