// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Flags

/// A certificate, its key and roots as files.
struct CertificateFiles: Hashable, Sendable {
  var chain: String
  var key: String
  var roots: String

  /// The files of a folder, by Istio's names.
  init(folder: String) {
    chain = folder + "/cert-chain.pem"
    key = folder + "/key.pem"
    roots = folder + "/root-cert.pem"
  }

  /// Three files.
  init(chain: String, key: String, roots: String) {
    (self.chain, self.key, self.roots) = (chain, key, roots)
  }
}

/// Where the workload's certificate comes from and how the agent proves who the workload is.
struct CertificateOptions: Sendable {
  /// The certificate authority, `host:port`.
  var authorityAddress: String
  /// Where configuration comes from, `host:port`.
  var discoveryAddress: String
  /// Whether configuration comes without TLS (`controlPlaneAuthPolicy: NONE`): then no token goes there.
  var isDiscoveryPlain: Bool
  /// The name to expect in the control plane's certificate (`ISTIOD_SAN`); nil for the address's.
  var serverName: String?
  /// The roots of the control plane's certificate for configuration; in their order, the first file
  /// that is there.
  var discoveryRoots: [String]
  /// The same for the authority's.
  var authorityRoots: [String]
  /// The file of the token that proves who the workload is.
  var tokenFile: String
  /// The certificate by which the agent proves it instead (`PROV_CERT`, or mounted files).
  var client: CertificateFiles?
  /// The files that are the workload's own certificate where they are there.
  var mounted: CertificateFiles
  /// Whether there is nothing but mounted files: the authority is not asked
  /// (`FILE_MOUNTED_CERTS`).
  var isMountedOnly: Bool
  /// Where certificate, key and roots are written to (`OUTPUT_CERTS`); nil for nowhere.
  var outputFolder: String?
  /// Whether what is written there is for others of the Pod to read.
  var isOutputShared: Bool
  /// The life to ask for, in seconds (`SECRET_TTL`).
  var lifetime: Int64
  /// The share of a certificate's life that is left when it is renewed
  /// (`SECRET_GRACE_PERIOD_RATIO`).
  var graceRatio: Double
  /// How much that share is off by chance, up or down (`SECRET_GRACE_PERIOD_RATIO_JITTER`).
  var graceJitter: Double
  var algorithm: PrivateKey.Algorithm
  var cluster: String
  var signer: String
  /// Headers that are sent besides (`XDS_HEADER_…`, `CA_HEADER_…`).
  var discoveryHeaders: [(key: String, value: String)]
  var authorityHeaders: [(key: String, value: String)]

  private static let mountedFolder = "./etc/certs"
  private static let spiffeFolder = "./var/run/secrets/workload-spiffe-credentials"

  /// - Parameter exists: Whether a file is there.
  init(
    _ variables: Variables, _ proxy: ProxySettings, exists: (String) -> Bool
  ) throws(FlagError) {
    discoveryAddress = proxy.text("discoveryAddress") ?? "istiod.istio-system.svc:15012"
    authorityAddress = variables.text("CA_ADDR") ?? discoveryAddress
    isDiscoveryPlain = proxy.text("controlPlaneAuthPolicy") == "NONE"
    serverName = variables.text("ISTIOD_SAN")
    tokenFile = variables.text("JWT_PATH") ?? "./var/run/secrets/tokens/istio-token"
    let spiffe = CertificateFiles(folder: CertificateOptions.spiffeFolder)
    let hasSpiffe = [spiffe.chain, spiffe.key, spiffe.roots].allSatisfy(exists)
    mounted = hasSpiffe ? spiffe : CertificateFiles(folder: CertificateOptions.mountedFolder)
    let asksForMounted = try variables.truth("FILE_MOUNTED_CERTS")
    isMountedOnly = asksForMounted || hasSpiffe
    let provisioned = variables.text("PROV_CERT")
    guard provisioned == nil || !asksForMounted else {
      throw FlagError("Of PROV_CERT and FILE_MOUNTED_CERTS there can be one only.")
    }
    let metadata = Dictionary(proxy.entries("proxyMetadata")) { $1 }
    let named = { (name: String) in
      variables.text("ISTIO_META_TLS_CLIENT_" + name)
        ?? metadata["ISTIO_META_TLS_CLIENT_" + name] ?? ""
    }
    if let provisioned {
      client = CertificateFiles(folder: provisioned)
    } else if isMountedOnly, !named("CERT_CHAIN").isEmpty {
      client = CertificateFiles(
        chain: named("CERT_CHAIN"), key: named("KEY"), roots: named("ROOT_CERT"))
    }
    let standard = "./var/run/secrets/istio/root-cert.pem"
    let system = "/etc/ssl/certs/ca-certificates.crt"
    let roots = { (name: String) in
      variables.text(name).map { [$0 == "SYSTEM" ? system : $0] }
    }
    let ofFiles = [client?.roots].compactMap(\.self).filter { !$0.isEmpty }
    authorityRoots = roots("CA_ROOT_CA") ?? ofFiles + [standard]
    discoveryRoots =
      roots("XDS_ROOT_CA")
      ?? [CertificateOptions.mountedFolder + "/root-cert.pem"] + ofFiles + [standard]
      + (roots("CA_ROOT_CA") ?? [])
    outputFolder = variables.text("OUTPUT_CERTS")
    isOutputShared = variables.text("KUBERNETES_SERVICE_HOST") != nil
    lifetime = try variables.duration("SECRET_TTL")?.components.seconds ?? 24 * 3600
    graceRatio = try variables.share("SECRET_GRACE_PERIOD_RATIO", default: 0.5)
    graceJitter = try variables.share("SECRET_GRACE_PERIOD_RATIO_JITTER", default: 0.01)
    algorithm = try CertificateOptions.algorithm(variables)
    cluster = variables.text("ISTIO_META_CLUSTER_ID") ?? "Kubernetes"
    signer = variables.text("ISTIO_META_CERT_SIGNER") ?? ""
    discoveryHeaders = variables.prefixed("XDS_HEADER_")
    authorityHeaders = variables.prefixed("CA_HEADER_")
  }

  /// The curve that the environment names, P-256 without one, unless it asks for RSA and for no curve.
  private static func algorithm(_ variables: Variables) throws(FlagError) -> PrivateKey.Algorithm {
    let curves: [String: PrivateKey.Algorithm] = ["P256": .p256, "P384": .p384]
    let named = variables.text("ECC_CURVE") ?? "P256"
    guard let curve = curves[named] else {
      throw FlagError("ECC_CURVE cannot be \"\(named)\": P256 and P384 are what there is.")
    }
    guard let bits = variables.text("WORKLOAD_RSA_KEY_SIZE"),
      variables.text("ECC_SIGNATURE_ALGORITHM") == nil
    else { return curve }
    guard let bits = Int(bits), (2048...8192).contains(bits) else {
      throw FlagError("WORKLOAD_RSA_KEY_SIZE cannot be \"\(bits)\" (2048 to 8192).")
    }
    return .rsa(bits: bits)
  }
}
