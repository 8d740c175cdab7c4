// SPDX-License-Identifier: Apache-2.0

import Cryptography
import DiscoveryProtocol
import EnvoyAPI
import StateDirectory

/// The secrets that the Envoy beside the agent may have: the workload's certificate (`default`), the
/// roots (`ROOTCA`), and files that are mounted (`file-cert:CERTIFICATE~KEY`, `file-root:ROOTS`).
///
/// Where a certificate is mounted for the workload itself it wins over the authority's, as in Istio.
struct SecretView: ResourceView {
  /// The certificate and roots; nil before the first one came.
  var identity: WorkloadIdentity?
  /// The files of the workload's own certificate; nil where none are looked for.
  var mounted: CertificateFiles?
  /// Further roots of the mesh, in PEM (PCDS).
  var furtherRoots: [String] = []

  /// The roots of the operating system (`file-root:system`).
  private static let systemRoots = "/etc/ssl/certs/ca-certificates.crt"

  func all(_ type: ResourceType) -> [EncodedResource] { [] }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    guard type == .secret else { return nil }
    switch name {
    case "default": return pair.map { .certificate(name, chain: $0.chain, key: $0.key) }
    case "ROOTCA": return trusted.map { .roots(name, $0) }
    default: return file(name)
    }
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> { [] }

  func followers(of resource: EncodedResource) -> [ResourceKey] { [] }

  /// The workload's certificate and key; nil while there is none.
  var pair: (chain: [UInt8], key: [UInt8])? {
    if let mounted, let pair = SecretView.pair(mounted.chain, mounted.key) { return pair }
    return identity.map { (Array($0.chainPEM.utf8), Array($0.keyPEM.utf8)) }
  }

  /// The roots that the workload trusts, each once; nil while there are none.
  var trusted: [UInt8]? {
    let read = mounted.flatMap { try? FileBytes.read($0.roots) }
    guard let own = read ?? identity.map({ Array($0.rootsPEM.utf8) }) else { return nil }
    guard !furtherRoots.isEmpty, let certificates = try? Certificate.list(pem: own) else {
      return own
    }
    var known = Set(certificates.map(\.pem))
    let further = furtherRoots.flatMap { pem in
      ((try? Certificate.list(pem: Array(pem.utf8))) ?? []).map(\.pem)
    }
    return own + further.filter { known.insert($0).inserted }.flatMap { Array($0.utf8) }
  }

  /// A certificate and its key of files; nil while they cannot be read, or do not belong together as
  /// while somebody replaces them.
  private static func pair(_ chain: String, _ key: String) -> (chain: [UInt8], key: [UInt8])? {
    guard let chain = try? FileBytes.read(chain), let key = try? FileBytes.read(key),
      let leaf = try? Certificate(pem: chain).publicKey(),
      let own = try? PrivateKey(pem: key).publicKey(), leaf.matches(own)
    else { return nil }
    return (chain, key)
  }

  /// A secret of files; nil while they cannot be read.
  private func file(_ name: String) -> EncodedResource? {
    if name.hasPrefix("file-root:") {
      let path = String(name.dropFirst("file-root:".utf8.count))
      let bytes = try? FileBytes.read(path == "system" ? SecretView.systemRoots : path)
      return bytes.map { .roots(name, $0) }
    }
    guard name.hasPrefix("file-cert:") else { return nil }
    let paths = name.dropFirst("file-cert:".utf8.count).split(separator: "~").map(String.init)
    guard paths.count == 2, let pair = SecretView.pair(paths[0], paths[1]) else { return nil }
    return .certificate(name, chain: pair.chain, key: pair.key)
  }
}
