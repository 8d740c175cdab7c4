// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import StateDirectory

/// The secrets that the Envoy beside the agent may have: the workload's certificate (`default`), the
/// roots (`ROOTCA`), and files that are mounted (`file-cert:CERTIFICATE~KEY`, `file-root:ROOTS`).
struct SecretView: ResourceView {
  /// The certificate and roots; nil before the first one came.
  var identity: WorkloadIdentity?

  func all(_ type: ResourceType) -> [EncodedResource] { [] }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    guard type == .secret else { return nil }
    switch name {
    case "default":
      return identity.map { certificate(name, Array($0.chainPEM.utf8), Array($0.keyPEM.utf8)) }
    case "ROOTCA": return identity.map { roots(name, Array($0.rootsPEM.utf8)) }
    default: return file(name)
    }
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> { [] }

  func followers(of resource: EncodedResource) -> [ResourceKey] { [] }

  /// A secret of files; nil while they cannot be read.
  private func file(_ name: String) -> EncodedResource? {
    if name.hasPrefix("file-root:") {
      let path = String(name.dropFirst("file-root:".utf8.count))
      return (try? FileBytes.read(path)).map { roots(name, $0) }
    }
    guard name.hasPrefix("file-cert:") else { return nil }
    let paths = name.dropFirst("file-cert:".utf8.count).split(separator: "~").map(String.init)
    guard paths.count == 2, let chain = try? FileBytes.read(paths[0]),
      let key = try? FileBytes.read(paths[1])
    else { return nil }
    return certificate(name, chain, key)
  }

  private func certificate(_ name: String, _ chain: [UInt8], _ key: [UInt8]) -> EncodedResource {
    secret(name) { secret, arena in
      secret.tlsCertificate = Envoy.TlsCertificate(arena) {
        $0.certificateChain = Envoy.DataSource(arena) { $0.inlineBytes = chain }
        $0.privateKey = Envoy.DataSource(arena) { $0.inlineBytes = key }
      }
    }
  }

  private func roots(_ name: String, _ pem: [UInt8]) -> EncodedResource {
    secret(name) { secret, arena in
      secret.validationContext = Envoy.CertificateValidationContext(arena) {
        $0.trustedCa = Envoy.DataSource(arena) { $0.inlineBytes = pem }
      }
    }
  }

  private func secret(
    _ name: String, _ fill: (Envoy.Secret, Arena) -> Void
  ) -> EncodedResource {
    Arena.scope { arena in
      let secret = Envoy.Secret(arena) {
        $0.name = name
        fill($0, arena)
      }
      return EncodedResource(type: .secret, name: name, message: secret)
    }
  }
}
