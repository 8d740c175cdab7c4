// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Configuration
import Cryptography
import Flags
import MeshModel
import Testing

@testable import ControlPlane

/// What flags and environment ask of certificates and callers.
struct IdentityTests {
  private func options(
    _ arguments: [String] = [], _ environment: [String: String] = [:]
  ) throws -> IdentityOptions {
    try IdentityOptions(
      FlagValues(arguments, flags: FlagTable.flags(environment)), environment)
  }

  @Test func defaultsAreIstiods() throws {
    let options = try options()
    #expect(options.secureAddress == ":15012" && options.authorityFolder == "./etc/cacerts")
    #expect(options.issuing.standardLifetime == 86_400)
    #expect(options.issuing.longestLifetime == 90 * 86_400)
    #expect(options.authenticatesStreams && options.checksNodes && options.servesCertificates)
    #expect(options.audiences == ["istio-ca"] && options.keyAlgorithm == .p256)
    #expect(
      options.serverNames == [
        "istio-pilot.istio-system.svc", "istiod-remote.istio-system.svc",
        "istiod.istio-system.svc",
      ])
  }

  @Test func theEnvironmentHasIstiodsNames() throws {
    let options = try options(
      ["-n", "mesh"],
      [
        "REVISION": "canary", "ISTIOD_CUSTOM_HOST": "a.example,b.example",
        "DEFAULT_WORKLOAD_CERT_TTL": "1h0m0s", "MAX_WORKLOAD_CERT_TTL": "2h",
        "CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE": "3072", "TOKEN_AUDIENCES": "a,b",
        "XDS_AUTH": "false", "CITADEL_SELF_SIGNED_CA_CERT_TTL": "24h",
        "JWT_RULE": #"{"issuer":"i","audiences":["x"],"jwksUri":"file:///k.json"}"#,
      ])
    #expect(options.serverNames.contains("istiod-canary.mesh.svc"))
    #expect(options.serverNames.contains("b.example"))
    #expect(options.issuing.standardLifetime == 3600 && options.issuing.longestLifetime == 7200)
    #expect(options.keyAlgorithm == .rsa(bits: 3072) && options.rootLifetime == 86_400)
    #expect(options.audiences == ["a", "b"] && !options.authenticatesStreams)
    #expect(options.tokenRules.first?.keys == .file("/k.json"))
  }

  @Test func keysOfTokensMayBeElsewhere() throws {
    let rule = { (members: String) in
      try options([], ["JWT_RULE": #"{"issuer":"https://i","audiences":["x"]"# + members + "}"])
        .tokenRules.first?.keys
    }
    #expect(try rule("") == .remote(.issuer("https://i")))
    #expect(try rule(#","jwksUri":"https://i/keys""#) == .remote(.keys("https://i/keys")))
    #expect(try rule(#","jwks":"{}","jwksUri":"https://i/keys""#) == .text("{}"))
    let issuer = ["TOKEN_ISSUER": "https://i", "AUDIENCE": "a", "TOKEN_AUDIENCES": "b"]
    let alone = try options([], issuer)
    #expect(alone.tokenRules.first?.keys == .remote(.issuer("https://i")))
    #expect(alone.tokenRules.first?.audiences == ["a"] && !alone.allowsPlaintextKeys)
    let inCluster = issuer.merging(["KUBERNETES_SERVICE_HOST": "10.0.0.1"]) { $1 }
    #expect(try options([], inCluster).tokenRules.isEmpty)
  }

  @Test func suitesHaveGosNames() throws {
    #expect(try options().tls.suites == nil)
    #expect(try options(["--tls-min-version", "1.3"]).tls.suites != nil)
    let names = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"
    #expect(
      try options(["--tls-cipher-suites", names]).tls.suites == "ECDHE-ECDSA-AES256-GCM-SHA384")
    for wrong in [["--tls-min-version", "1.1"], ["--tls-cipher-suites", "TLS_RSA_WITH_RC4"]] {
      #expect(throws: FlagError.self) { try options(wrong) }
    }
  }

  @Test func debugPagesMayBeOff() throws {
    #expect(try options().servesDebugPages)
    #expect(try !options([], ["ENABLE_DEBUG_ON_HTTP": "false"]).servesDebugPages)
  }

  @Test(arguments: [
    ("DEFAULT_WORKLOAD_CERT_TTL", "soon"), ("MAX_WORKLOAD_CERT_TTL", "0"),
    ("CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE", "1024"), ("XDS_AUTH", "perhaps"),
    ("JWT_RULE", "{}"), ("JWT_RULE", #"{"issuer":"i","audiences":["x"]}"#),
    ("JWT_RULE", #"{"issuer":"i","audiences":["x"],"jwksUri":"k.json"}"#),
    ("JWT_RULE", #"{"issuer":"i","jwks":"{}"}"#),
  ])
  func mistakesNameTheVariable(_ name: String, _ value: String) {
    #expect {
      try options([], [name: value])
    } throws: {
      "\($0)".hasPrefix(name)
    }
  }

  @Test func aCertificateNeedsItsKey() {
    #expect(throws: FlagError.self) { try options(["--tlsCertFile", "a.pem"]) }
  }

  @Test func severalRootsAreMergedWhereTheyAreOn() throws {
    let policy = SelfSignedPolicy(organization: "cluster.local")
    let own = try SigningAuthority.selfSigned(policy, now: 1_800_000_000)
    let other = try SigningAuthority.selfSigned(policy, now: 1_800_000_000)
    var settings = MeshSettings()
    var entry = Istio.MeshConfig.CertificateData()
    entry.certificateData = .pem(other.rootsPEM)
    settings.mesh.caCertificates = [entry, entry]
    #expect(try TrustBundle.merged(own, settings).isEmpty)
    settings.features["ISTIO_MULTIROOT_MESH"] = "true"
    #expect(try TrustBundle.merged(own, settings) == [own.rootsPEM, other.rootsPEM].sorted())
    entry.certificateData = .pem("no certificate")
    settings.mesh.caCertificates.append(entry)
    #expect {
      try TrustBundle.merged(own, settings)
    } throws: {
      "\($0)".hasPrefix("caCertificates[2].pem of the mesh cannot be used")
    }
  }
}
