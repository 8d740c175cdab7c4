// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Configuration
import Cryptography
import Flags
import JSON

/// What flags and environment ask of certificates and callers, by istiod's names.
struct IdentityOptions: Sendable {
  /// Issuers whose tokens are believed besides our own (`JWT_RULE`).
  struct TokenRule: Sendable {
    var issuer: String
    var audiences: Set<String>
    var keys: Keys

    /// Where an issuer's keys are.
    enum Keys: Hashable, Sendable {
      /// In the rule itself.
      case text(String)
      case file(String)
      /// Elsewhere, over the network.
      case remote(RemoteTokenKeys.Location)
    }
  }

  var secureAddress: String
  /// What TLS versions and ciphers the TLS port takes.
  var tls: TLSOptions
  /// Where keys are kept; nil where nothing may be kept.
  var stateDirectory: String?
  /// The folder of a plugged-in authority (`ROOT_CA_DIR`).
  var authorityFolder: String
  var certificateFile: String
  var keyFile: String
  var clientRootsFile: String
  /// Whether the certificate service answers (`ENABLE_CA_SERVER`).
  var servesCertificates: Bool
  /// Whether ADS on the TLS port asks callers who they are (`XDS_AUTH`).
  var authenticatesStreams: Bool
  /// Whether a node may only claim what its identity has (`PILOT_ENABLE_XDS_IDENTITY_CHECK`).
  var checksNodes: Bool
  var issuing: IssuingPolicy
  /// Whether keys are made for proxies without an agent (`--allowAgentlessKeys`).
  var makesKeys: Bool
  var rootLifetime: Int64?
  var keyAlgorithm = PrivateKey.Algorithm.p256
  /// How near its end a self-signed root is renewed.
  var rootRenewal = RootRenewal()
  /// How often that is looked at, in seconds (`CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL`); 0 for
  /// never.
  var rootCheckInterval: Int64
  /// Whether the first look is at a random moment (`CITADEL_ENABLE_JITTER_FOR_ROOT_CERT_ROTATOR`).
  var jittersRootCheck: Bool
  /// Whether the Secret of a self-signed authority may be `cacerts`
  /// (`USE_CACERTS_FOR_SELF_SIGNED_CA`).
  var usesPluggedInName: Bool
  /// The namespace of the control plane, and of the authority's Secret.
  var systemNamespace: String
  /// The names of the own cluster, aliases too.
  var clusterNames: Set<String>
  /// The names of clusters by their aliases.
  var clusterAliases: [String: String]
  /// The addresses of gateways that may tell whose certificate they were shown (`TRUSTED_GATEWAY_CIDR`).
  var trustedGateways: [IPRange]
  /// The accounts, `NAMESPACE/NAME`, that may ask for certificates of what runs on their node
  /// (`CA_TRUSTED_NODE_ACCOUNTS`).
  var trustedNodeAccounts: Set<String>
  /// How long, in seconds, a workload has to put a certificate and its roots into use, before a
  /// rotation counts on it (`NAVARCH_CA_ROTATION_SETTLE`).
  var rotationSettleTime: Int64
  /// How long, in seconds, a proxy whose stream ended, or the control plane, may be away before a
  /// rotation takes it for gone (`NAVARCH_CA_ROTATION_RETURN`).
  var rotationReturnTime: Int64
  /// The audiences of tokens (`TOKEN_AUDIENCES`).
  var audiences: Set<String>
  var tokenRules: [TokenRule] = []
  /// Whether there are debug pages (`ENABLE_DEBUG_ON_HTTP`).
  var servesDebugPages: Bool
  /// Whether keys of tokens may be fetched without TLS (`NAVARCH_JWKS_ALLOW_HTTP`).
  var allowsPlaintextKeys: Bool
  /// The DNS names of the serving certificate.
  var serverNames: [String]

  init(_ line: FlagValues, _ environment: [String: String]) throws(FlagError) {
    let variables = Variables(environment)
    secureAddress = line["secureGRPCAddr"]
    tls = try TLSOptions(line)
    stateDirectory = line["stateDir"].isEmpty ? nil : line["stateDir"]
    authorityFolder = variables.text("ROOT_CA_DIR") ?? "./etc/cacerts"
    certificateFile = line["tlsCertFile"]
    keyFile = line["tlsKeyFile"]
    clientRootsFile = line["caCertFile"]
    guard certificateFile.isEmpty == keyFile.isEmpty else {
      throw FlagError("Of --tlsCertFile and --tlsKeyFile one needs the other.")
    }
    servesCertificates = try variables.truth("ENABLE_CA_SERVER", default: true)
    authenticatesStreams = try variables.truth("XDS_AUTH", default: true)
    checksNodes = try variables.truth("PILOT_ENABLE_XDS_IDENTITY_CHECK", default: true)
    servesDebugPages = try variables.truth("ENABLE_DEBUG_ON_HTTP", default: true)
    makesKeys = line.isTrue("allowAgentlessKeys")
    issuing = IssuingPolicy()
    if let life = try variables.seconds("DEFAULT_WORKLOAD_CERT_TTL") {
      issuing.standardLifetime = life
    }
    if let life = try variables.seconds("MAX_WORKLOAD_CERT_TTL") { issuing.longestLifetime = life }
    rootLifetime = try variables.seconds("CITADEL_SELF_SIGNED_CA_CERT_TTL")
    rootCheckInterval = try variables.interval("CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL")
    jittersRootCheck = try variables.truth(
      "CITADEL_ENABLE_JITTER_FOR_ROOT_CERT_ROTATOR", default: true)
    if let written = variables.text("CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE") {
      guard let percent = Int64(written), (0...100).contains(percent) else {
        throw FlagError(
          "CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE cannot be \"\(written)\" (0 to 100)."
        )
      }
      rootRenewal.gracePercent = percent
    }
    rotationSettleTime = try variables.seconds("NAVARCH_CA_ROTATION_SETTLE") ?? 10
    rotationReturnTime = try variables.seconds("NAVARCH_CA_ROTATION_RETURN") ?? 60
    usesPluggedInName = try variables.truth("USE_CACERTS_FOR_SELF_SIGNED_CA", default: false)
    systemNamespace = line["namespace"]
    clusterAliases = IdentityOptions.aliases(line["clusterAliases"])
    let own = line["clusterID"]
    clusterNames = Set([own] + clusterAliases.filter { $0.value == own }.keys)
    trustedGateways = try (variables.list("TRUSTED_GATEWAY_CIDR") ?? []).map {
      text throws(FlagError) in
      guard let range = IPRange(text) else {
        throw FlagError("TRUSTED_GATEWAY_CIDR cannot have \"\(text)\": it takes 10.0.0.0/8,….")
      }
      return range
    }
    trustedNodeAccounts = Set(variables.list("CA_TRUSTED_NODE_ACCOUNTS") ?? [])
    if let bits = variables.text("CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE") {
      guard let bits = Int(bits), (2048...8192).contains(bits) else {
        throw FlagError("CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE cannot be \"\(bits)\" (2048 to 8192).")
      }
      keyAlgorithm = .rsa(bits: bits)
    }
    audiences = Set(variables.list("TOKEN_AUDIENCES") ?? ["istio-ca"])
    allowsPlaintextKeys = try variables.truth("NAVARCH_JWKS_ALLOW_HTTP", default: false)
    if let rule = variables.text("JWT_RULE") { tokenRules = [try IdentityOptions.tokenRule(rule)] }
    // As in istiod: in a cluster its API server is asked instead.
    if let issuer = variables.text("TOKEN_ISSUER"), variables.text("KUBERNETES_SERVICE_HOST") == nil
    {
      let audience = variables.text("AUDIENCE").map { [$0] }
      tokenRules.append(
        TokenRule(
          issuer: issuer, audiences: Set(audience ?? Array(audiences)),
          keys: .remote(.issuer(issuer))))
    }
    serverNames = IdentityOptions.serverNames(line["namespace"], variables)
  }

  /// Clusters' names by their aliases, of `ALIAS=NAME,…`.
  private static func aliases(_ text: String) -> [String: String] {
    let pairs = text.split(separator: ",").map { $0.split(separator: "=", maxSplits: 1) }
    return Dictionary(
      pairs.filter { $0.count == 2 }.map { (String($0[0]), String($0[1])) },
      uniquingKeysWith: { $1 })
  }

  /// Istiod's names: of its Service, of the other Services that lead to it, of its revision's, and
  /// those of `ISTIOD_CUSTOM_HOST`.
  private static func serverNames(_ namespace: String, _ variables: Variables) -> [String] {
    var hosts = ["istiod", "istiod-remote", "istio-pilot"]
    if let revision = variables.text("REVISION"), revision != "default" {
      hosts.append("istiod-\(revision)")
    }
    let custom = variables.list("ISTIOD_CUSTOM_HOST") ?? []
    return Set(hosts.map { "\($0).\(namespace).svc" } + custom).sorted()
  }

  /// `{"issuer": …, "audiences": […], "jwksUri": …, "jwks": "…"}`, Istio's JWTRule: the keys in the
  /// rule, at an URL (`file:///PATH` too), or where the issuer's OpenID configuration says.
  private static func tokenRule(_ text: String) throws(FlagError) -> TokenRule {
    guard let rule = try? JSONValue(parsing: text), let issuer = rule["issuer"]?.string,
      !issuer.isEmpty
    else { throw FlagError("JWT_RULE is no JSON object with an issuer.") }
    let audiences = Set(rule["audiences"]?.array?.compactMap(\.string) ?? [])
    guard !audiences.isEmpty else { throw FlagError("JWT_RULE names no audiences.") }
    let keys = try keys(inline: rule["jwks"]?.string ?? "", rule["jwksUri"]?.string ?? "", issuer)
    return TokenRule(issuer: issuer, audiences: audiences, keys: keys)
  }

  private static func keys(
    inline: String, _ location: String, _ issuer: String
  ) throws(FlagError) -> TokenRule.Keys {
    if !inline.isEmpty { return .text(inline) }
    let file = "file://"
    if location.hasPrefix(file + "/") { return .file(String(location.dropFirst(file.utf8.count))) }
    guard location.isEmpty || location.contains("://") else {
      throw FlagError("JWT_RULE cannot have the jwksUri \"\(location)\": it is no URL.")
    }
    guard location.isEmpty else { return .remote(.keys(location)) }
    guard issuer.contains("://") else {
      throw FlagError(
        "JWT_RULE needs jwks or jwksUri: its issuer is no URL that would lead to keys.")
    }
    return .remote(.issuer(issuer))
  }
}

/// The environment, read with errors that name the variable.
private struct Variables {
  private let values: [String: String]

  init(_ values: [String: String]) { self.values = values }

  func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  func list(_ name: String) -> [String]? {
    text(name)?.split(separator: ",").map(String.init)
  }

  func truth(_ name: String, default standard: Bool) throws(FlagError) -> Bool {
    guard let written = text(name) else { return standard }
    guard let truth = Flag.truth(written) else {
      throw FlagError("\(name) cannot be \"\(written)\": it is true or false.")
    }
    return truth
  }

  /// The seconds of an interval, an hour where none is given; 0 where it is zero or less.
  func interval(_ name: String) throws(FlagError) -> Int64 {
    guard let written = text(name) else { return 3600 }
    guard let duration = GoDuration.parse(written) else {
      throw FlagError("\(name) cannot be \"\(written)\": it is a duration such as 1h0m0s.")
    }
    return max(0, duration.components.seconds)
  }

  func seconds(_ name: String) throws(FlagError) -> Int64? {
    guard let written = text(name) else { return nil }
    guard let duration = GoDuration.parse(written), duration >= .seconds(1) else {
      throw FlagError("\(name) cannot be \"\(written)\": it is a duration such as 24h0m0s.")
    }
    return duration.components.seconds
  }
}
