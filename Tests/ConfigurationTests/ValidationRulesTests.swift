// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import Testing

@Suite struct ValidationRulesTests {
  private func diagnostics(
    _ kind: String, _ version: String, _ spec: JSONValue,
    _ strictness: ConfigurationObject.Strictness = .strict
  ) -> [String] {
    let (object, found) = ConfigurationObject.decode(
      [
        "apiVersion": .string(version), "kind": .string(kind), "metadata": ["name": "a"],
        "spec": spec,
      ], strictness: strictness)
    return (found + (object?.validate() ?? [])).map { "\($0.severity) \($0.path)" }
  }

  @Test(
    arguments: [
      (
        ["applyTo": "CLUSTER", "value": ["name": false]],
        ["error spec.configPatches[0].patch.value.name"]
      ),
      (["applyTo": "CLUSTER", "value": ["name": "a", "connect_timeout": "1s"]], []),
      (
        ["applyTo": "CLUSTER", "value": ["unheard_of": 1]],
        ["warning spec.configPatches[0].patch.value"]
      ),
      (
        ["applyTo": "CLUSTER", "value": ["lb_policy": "YOUNGER"]],
        ["warning spec.configPatches[0].patch.value"]
      ),
      (
        ["applyTo": "HTTP_ROUTE", "value": ["route": ["timeout": "soon"]]],
        ["error spec.configPatches[0].patch.value.route.timeout"]
      ),
      (
        [
          "applyTo": "HTTP_FILTER",
          "value": [
            "name": "a",
            "typed_config": [
              "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
              "inline_code": 7,
            ],
          ],
        ],
        ["error spec.configPatches[0].patch.value.typed_config.inline_code"]
      ),
      (
        [
          "applyTo": "HTTP_FILTER",
          "value": [
            "name": "a",
            "typed_config": [
              "@type": "type.googleapis.com/envoy.extensions.filters.http.golang.v3alpha.Config",
              "library_id": "x",
            ],
          ],
        ],
        ["warning spec.configPatches[0].patch.value"]
      ),
      (
        [
          "applyTo": "HTTP_FILTER",
          "value": [
            "name": "a",
            "typed_config": [
              "@type": "type.googleapis.com/envoy.config.filter.http.lua.v2.Lua"
            ],
          ],
        ],
        ["error spec.configPatches[0].patch.value"]
      ),
      (["applyTo": "LISTENER_FILTER", "value": ["name": "a"]], []),
      (
        ["applyTo": "BOOTSTRAP", "value": ["stats_config": ["stats_tags": "x"]]],
        ["error spec.configPatches[0].patch.value.stats_config.stats_tags"]
      ),
    ] as [(JSONValue, [String])])
  func `values of patches are read as the message that they patch`(
    patch: JSONValue, expected: [String]
  ) {
    let found = diagnostics(
      "EnvoyFilter", "networking.istio.io/v1alpha3",
      [
        "configPatches": [
          [
            "applyTo": patch["applyTo"] ?? nil,
            "patch": ["operation": "MERGE", "value": patch["value"] ?? nil],
          ]
        ]
      ], .lenient)
    #expect(found.filter { $0 != "warning spec" } == expected)
  }

  @Test(arguments: [(199, false), (200, true), (600, true), (601, false)])
  func `a status that Envoy answers may be 600, as in istiod`(status: Int, isValid: Bool) {
    let found = diagnostics(
      "VirtualService", "networking.istio.io/v1",
      ["hosts": ["b"], "http": [["directResponse": ["status": .integer(Int64(status))]]]])
    #expect(found.isEmpty == isValid)
  }

  private static let route: JSONValue = [["destination": ["host": "b"]]]

  @Test(
    arguments: [
      (["match": [["uri": ["regex": "a(b"]]], "route": route], "match[0].uri.regex"),
      (["match": [["gateways": ["Ä"]]], "route": route], "match[0].gateways[0]"),
      (
        ["headers": ["request": ["set": ["a": "50%"]]], "route": route],
        "headers.request.set.a"
      ),
      (
        ["headers": ["request": ["add": ["a": "%REQ(a%"]]], "route": route],
        "headers.request.add.a"
      ),
      (
        ["match": [["headers": ["@request.auth.claims.a": ["exact": "b"]]]], "route": route],
        "match[0].headers[\"@request.auth.claims.a\"]"
      ),
      (
        [
          "rewrite": ["authority": "a"], "headers": ["request": ["set": ["host": "b"]]],
          "route": route,
        ], "headers.request.set.host"
      ),
      (
        [
          "fault": ["abort": ["httpStatus": 500, "percentage": ["value": 0.00001]]], "route": route,
        ],
        "fault.abort.percentage.value"
      ),
      (
        ["rewrite": ["uriRegexRewrite": ["match": "["]], "route": route],
        "rewrite.uriRegexRewrite.match"
      ),
    ] as [(JSONValue, String)])
  func namesFieldsOfRoutes(http: JSONValue, path: String) {
    let found = diagnostics(
      "VirtualService", "networking.istio.io/v1", ["hosts": ["b"], "http": [http]])
    #expect(found.first == "error spec.http[0].\(path)")
  }

  @Test func warnsOfWhatIsNeverUsed() {
    let matches: JSONValue = [["match": [["uri": ["prefix": "/a"]]], "route": Self.route]]
    let found = diagnostics(
      "VirtualService", "networking.istio.io/v1",
      [
        "hosts": ["b"],
        "http": .array(
          (matches.array ?? []) + (matches.array ?? []) + [
            ["match": [["uri": ["prefix": "/ab"]]], "route": Self.route], ["route": Self.route],
            ["route": Self.route],
          ]),
      ])
    #expect(
      found == [
        "warning spec.http[1].match[0]", "warning spec.http[1]", "warning spec.http[4]",
        "warning spec.http[2].match[0].uri.prefix",
      ])
  }

  @Test func namesOfTLSMustBeWithinTheHosts() {
    let found = diagnostics(
      "VirtualService", "networking.istio.io/v1",
      [
        "hosts": ["*.b.com"],
        "tls": [
          ["match": [["sniHosts": ["a.b.com", "a.c.com"]]], "route": Self.route],
          [
            "match": [["sniHosts": ["d.b.com"], "destinationSubnets": ["10.0.0.0/33"]]],
            "route": Self.route,
          ],
        ],
      ])
    #expect(
      found == [
        "error spec.tls[0].match[0].sniHosts[1]",
        "error spec.tls[1].match[0].destinationSubnets[0]",
      ])
  }

  /// What only a CRD's schema refuses: an API server has done so already.
  @Test(
    arguments: [
      ("ServiceEntry", "networking.istio.io/v1", ["hosts": []], "hosts"),
      (
        "ServiceEntry", "networking.istio.io/v1",
        ["hosts": ["a.b"], "ports": [["number": "80", "name": "a"]]], "ports[0].number"
      ),
      (
        "DestinationRule", "networking.istio.io/v1",
        [
          "host": "a",
          "trafficPolicy": ["outlierDetection": ["outlierDetectionHttpErrorCodes": [99]]],
        ], "trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[0]"
      ),
      (
        "AuthorizationPolicy", "security.istio.io/v1",
        ["rules": [["from": [["source": ["serviceAccounts": ["a/b/c", "*"]]]]]]],
        "rules[0].from[0].source.serviceAccounts[0]"
      ),
      (
        "PeerAuthentication", "security.istio.io/v1",
        ["selector": ["matchLabels": ["a": "b"]], "portLevelMtls": [:]], "portLevelMtls"
      ),
      ("WasmPlugin", "extensions.istio.io/v1alpha1", ["url": "ftp://a"], "url"),
      ("WorkloadEntry", "networking.istio.io/v1", ["ports": ["a": 1]], ""),
      (
        "Telemetry", "telemetry.istio.io/v1",
        ["targetRef": ["kind": "Service", "name": "a", "namespace": "b"]], "targetRef.namespace"
      ),
      (
        "VirtualService", "networking.istio.io/v1",
        ["hosts": ["a"], "http": [["route": nil, "redirect": ["uri": "/"]]]], "http[0].route"
      ),
    ] as [(String, String, JSONValue, String)])
  func filesKeepToTheSchema(kind: String, version: String, spec: JSONValue, path: String) {
    let found = diagnostics(kind, version, spec)
    #expect(found.contains(path.isEmpty ? "error spec" : "error spec.\(path)"), "\(found)")
  }

  @Test(
    arguments: [
      ("response.code >= 400", true), ("a.b['c'].d(1, \"x\") ? -1 : [1u, 2.5e3,]", true),
      ("has(request.headers) && !(x in {'a': 1})", true), ("", false), ("a +", false),
      ("'open", false), ("a b", false), ("f(", false), ("return", false),
    ])
  func readsExpressions(text: String, isOne: Bool) {
    let found = diagnostics(
      "Telemetry", "telemetry.istio.io/v1",
      ["accessLogging": [["filter": ["expression": .string(text)]]]])
    #expect(found.isEmpty == isOne, "\(found)")
  }

  @Test func refusesMeshSettingsThatCannotBe() throws {
    let (mesh, _) = try Istio.MeshConfig.standard.overlaid(with: [
      "connectTimeout": "2h", "trustDomain": "a b",
      "defaultConfig": ["statusPort": 70000, "discoveryAddress": "x"],
      "extensionProviders": [["name": "a", "zipkin": ["service": "z", "port": 0]]],
    ])
    #expect(
      mesh.validate().map { "\($0.severity) \($0.path)" } == [
        "error connectTimeout", "error defaultConfig.discoveryAddress",
        "error defaultConfig.statusPort", "error trustDomain",
        "warning extensionProviders[3].zipkin.port",
      ])
  }
}
