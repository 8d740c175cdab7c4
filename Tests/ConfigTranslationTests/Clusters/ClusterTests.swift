// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

struct ClusterTests {
  static let pods = [
    ClusterMesh.pod("web-1", "10.0.0.1", labels: "app: web, version: v1"),
    ClusterMesh.pod("web-2", "10.0.0.2", labels: "app: web, version: v2"),
  ].joined(separator: "\n---\n")
  static let web = ClusterMesh.web([("web-1", "10.0.0.1"), ("web-2", "10.0.0.2")])
  static let name = "outbound|80||web.default.svc.cluster.local"

  @Test func aSidecarHasAClusterForEachPortSubsetAndDirection() {
    let rule = ClusterMesh.rule("subsets: [{name: v1, labels: {version: v1}}]")
    let context = ClusterMesh(Self.pods, Self.web, rule).proxy()
    #expect(
      context.clusters().map(\.name) == [
        "BlackHoleCluster", "InboundPassthroughCluster", "PassthroughCluster", "inbound|8080||",
        "outbound|80|v1|web.default.svc.cluster.local", Self.name,
      ])
  }

  @Test func aGatewayHasNoInboundClusters() {
    let context = ClusterMesh(Self.pods, Self.web).proxy("10.9.9.9", kind: "router")
    #expect(context.clusters().map(\.name) == ["BlackHoleCluster", Self.name])
  }

  @Test func mutualTLSIsLeftToEachEndpoint() {
    let cluster = ClusterMesh(Self.pods, Self.web).proxy().cluster(Self.name)
    let matches = cluster[path: "transport_socket_matches"].array ?? []
    #expect(matches.compactMap { $0["name"]?.string } == ["tlsMode-istio", "tlsMode-disabled"])
    let context = cluster[path: "transport_socket_matches/0/transport_socket/typed_config"]
    #expect(context[path: "sni"] == "outbound_.80_._.web.default.svc.cluster.local")
    let names =
      context[path: "common_tls_context/combined_validation_context/default_validation_context"]
    #expect(
      names[path: "match_subject_alt_names"] == [
        ["exact": "spiffe://cluster.local/ns/default/sa/web-1"],
        ["exact": "spiffe://cluster.local/ns/default/sa/web-2"],
      ])
  }

  @Test(arguments: ["{}", "tls: {mode: ISTIO_MUTUAL}"])
  func aPlainEnvoyIsNeverReferredToAnAgent(_ policy: String) {
    let rule = ClusterMesh.rule("trafficPolicy: {\(policy == "{}" ? "" : policy)}")
    let context = ClusterMesh(Self.pods, Self.web, rule).proxy(isPlain: true)
    for cluster in context.clusters() {
      let text = cluster.json().text()
      #expect(!text.contains("sds-grpc"), "\(cluster.name)")
      #expect(!text.contains("metadata_exchange"), "\(cluster.name)")
      #expect(!text.contains("transport_socket"), "\(cluster.name)")
    }
  }

  @Test(arguments: ["ads", "file:/certs"])
  func aPlainEnvoyHasItsSecretsFromWhereItSays(_ place: String) {
    let context = ClusterMesh(Self.pods, Self.web)
      .proxy(isPlain: true, metadata: [ProxyNode.secretsKey: .string(place)])
    let match = context.cluster(Self.name)[path: "transport_socket_matches/0/transport_socket"]
    let common = match[path: "typed_config/common_tls_context"]
    let own = common[path: "tls_certificate_sds_secret_configs/0"]
    let roots = common[
      path: "combined_validation_context/validation_context_sds_secret_config"]
    #expect(own[path: "name"] == "default" && roots[path: "name"] == "ROOTCA")
    if place == "ads" {
      #expect(own[path: "sds_config/ads"] != nil && roots[path: "sds_config/ads"] != nil)
    } else {
      #expect(own[path: "sds_config/path_config_source/path"] == "/certs/default.yaml")
      #expect(roots[path: "sds_config/path_config_source/path"] == "/certs/ROOTCA.yaml")
    }
  }

  @Test func aPlainEnvoyReadsTheFilesOfARuleItself() {
    let rule = ClusterMesh.rule(
      """
      trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem,
        sni: web.example, subjectAltNames: [web.example, "spiffe://td/a"]}}
      """)
    let cluster = ClusterMesh(Self.pods, Self.web, rule).proxy(isPlain: true).cluster(Self.name)
    let tls = cluster[path: "transport_socket/typed_config/common_tls_context"]
    #expect(tls[path: "tls_certificates/0/private_key/filename"] == "/k.pem")
    let validation = tls[path: "validation_context"]
    #expect(
      validation[path: "trusted_ca/filename"] == "/etc/ssl/certs/ca-certificates.crt")
    #expect(
      validation[path: "match_typed_subject_alt_names"] == [
        ["san_type": "DNS", "matcher": ["exact": "web.example"]],
        ["san_type": "URI", "matcher": ["exact": "spiffe://td/a"]],
      ])
    #expect(validation[path: "match_subject_alt_names"] == .null)
  }

  @Test func theMetadatasCertificateIsShownToWhomTheRuleDoesNotCheck() {
    let metadata: [String: JSONValue] = [
      "TLS_CLIENT_CERT_CHAIN": "/c.pem", "TLS_CLIENT_KEY": "/k.pem",
      "TLS_CLIENT_ROOT_CERT": "/r.pem",
    ]
    let validation = { (policy: String) -> JSONValue in
      let rule = ClusterMesh.rule("trafficPolicy: {tls: {mode: ISTIO_MUTUAL\(policy)}}")
      let context = ClusterMesh(Self.pods, Self.web, rule).proxy(metadata: metadata)
      return context.cluster(Self.name)[
        path: "transport_socket/typed_config/common_tls_context"]
    }
    let secret = "combined_validation_context/validation_context_sds_secret_config/name"
    #expect(validation("")[path: secret] == "file-root:/r.pem")
    let unchecked = validation(", insecureSkipVerify: true")
    #expect(unchecked[path: "combined_validation_context"] == .null)
    #expect(
      unchecked[path: "tls_certificate_sds_secret_configs/0/name"] == "file-cert:/c.pem~/k.pem")
  }

  @Test func aSubsetsPolicyIsPutOverTheRulesAndAPortsReplacesIt() {
    let rule = ClusterMesh.rule(
      """
      trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {maxConnections: 7}},
        portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {maxConnections: 9}}}]},
      subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}]
      """)
    let context = ClusterMesh(Self.pods, Self.web, rule).proxy()
    let whole = context.cluster(Self.name)
    #expect(whole[path: "lb_policy"] == "LEAST_REQUEST")
    #expect(whole[path: "circuit_breakers/thresholds/0/max_connections"] == 9)
    let subset = context.cluster("outbound|80|v1|web.default.svc.cluster.local")
    #expect(subset[path: "lb_policy"] == .null)
    #expect(subset[path: "circuit_breakers/thresholds/0/max_connections"] == 9)
  }

  @Test func namesAreResolvedByTheProxy() {
    let entry = """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: out, namespace: default}
      spec:
        hosts: [api.example.com]
        location: MESH_EXTERNAL
        resolution: DNS
        ports: [{number: 443, name: tls, protocol: TLS}]
        endpoints: [{address: a.example.com}, {address: b.example.com, ports: {tls: 8443}}]
      """
    let cluster = ClusterMesh(entry).proxy().cluster("outbound|443||api.example.com")
    #expect(cluster[path: "type"] == "STRICT_DNS")
    let endpoints = cluster[path: "load_assignment/endpoints/0/lb_endpoints"].array ?? []
    let ports = endpoints.map { $0[path: "endpoint/address/socket_address/port_value"] }
    #expect(ports == [443, 8443])
    #expect(cluster[path: "metadata/filter_metadata/istio/external"] == true)
    #expect(cluster[path: "transport_socket_matches"] == .null)
  }

  @Test func aNameWhoseAddressesRaceIsResolvedToAllFamilies() {
    let entry = { (endpoints: String) in
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata:
        name: out
        namespace: default
        annotations: {istio.io/connect-strategy: race_first_tcp_connect}
      spec:
        hosts: [api.example.com]
        location: MESH_EXTERNAL
        resolution: DNS
        ports: [{number: 443, name: tls, protocol: TLS}]
        \(endpoints)
      """
    }
    let cluster = { (endpoints: String) in
      ClusterMesh(entry(endpoints)).proxy().cluster("outbound|443||api.example.com")
    }
    #expect(cluster("")[path: "type"] == "LOGICAL_DNS")
    #expect(cluster("")[path: "dns_lookup_family"] == "ALL")
    let two = "endpoints: [{address: a.example.com}, {address: b.example.com}]"
    #expect(cluster(two)[path: "type"] == "STRICT_DNS")
  }

  @Test func referencesAreReadFromBytes() {
    let clusters = ClusterMesh(Self.pods, Self.web).proxy().clusters()
    let names = clusters.compactMap(ClusterReferences.endpoints)
    #expect(names == [Self.name])
  }

  @Test func proxiesThatSeeTheSameShareTheBytes() {
    let mesh = ClusterMesh(Self.pods, Self.web)
    let one = mesh.proxy("10.0.0.1").clusters()
    let built = mesh.cache.counts.built
    let other = mesh.proxy("10.0.0.2").clusters()
    #expect(mesh.cache.counts.built == built)
    #expect(one.map(\.digest) == other.map(\.digest))
    _ = mesh.proxy("10.0.0.2", isPlain: true).clusters()
    #expect(mesh.cache.counts.built > built)
  }

  @Test func aStrictOrDisabledMeshDecidesOverAutomaticTLS() {
    let off = """
      apiVersion: security.istio.io/v1
      kind: PeerAuthentication
      metadata: {name: default, namespace: default}
      spec: {mtls: {mode: DISABLE}}
      """
    let mesh = ClusterMesh(Self.pods, Self.web, off).proxy()
    #expect(mesh.cluster(Self.name)[path: "transport_socket_matches"] == .null)
    #expect(!mesh.assignment(Self.name).text().contains("tlsMode"))
  }
}
