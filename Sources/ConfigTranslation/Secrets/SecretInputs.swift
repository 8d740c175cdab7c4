// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// All that a secret for a proxy is made of.
///
/// Who may read it is part of the key: what one proxy was given can never be found for another that
/// was not asked about.
struct SecretInputs: ResourceInputs {
  static var type: ResourceType { .secret }

  enum Content: Hashable, Sendable {
    /// A certificate with its key.
    case certificate(chain: SecretBytes, key: SecretBytes, staple: SecretBytes?)
    /// Roots that certificates come from, and the list of those that were revoked.
    case authority(SecretBytes, revoked: SecretBytes?)
  }

  var name: String
  /// Who reads it.
  var reader: VerifiedIdentity
  var content: Content

  func make(in arena: Arena) -> Envoy.Secret {
    Envoy.Secret(arena) { secret in
      secret.name = name
      switch content {
      case .certificate(let chain, let key, let staple):
        secret.tlsCertificate = secret.make(Envoy.TlsCertificate.self) {
          $0.certificateChain = inline(chain, in: arena)
          $0.privateKey = inline(key, in: arena)
          $0.ocspStaple = staple.map { inline($0, in: arena) }
        }
      case .authority(let roots, let revoked):
        secret.validationContext = secret.make(Envoy.CertificateValidationContext.self) {
          $0.trustedCa = inline(roots, in: arena)
          $0.crl = revoked.map { inline($0, in: arena) }
        }
      }
    }
  }

  private func inline(_ bytes: SecretBytes, in arena: Arena) -> Envoy.DataSource {
    Envoy.DataSource(arena) { $0.inlineBytes = bytes.bytes }
  }
}

extension SecretInputs.Content {
  /// The certificate and key of a Secret: `cert` and `key`, else `tls.crt` and `tls.key`.
  init?(certificate data: [String: SecretBytes]) {
    if let chain = data.filled("cert"), let key = data.filled("key") {
      self = .certificate(chain: chain, key: key, staple: nil)
    } else if let chain = data.filled("tls.crt"), let key = data.filled("tls.key") {
      self = .certificate(chain: chain, key: key, staple: data.filled("tls.ocsp-staple"))
    } else {
      return nil
    }
  }

  /// The roots of an object: `cacert` with `crl`, else `ca.crt` with `ca.crl`.
  init?(authority data: [String: SecretBytes]) {
    if let roots = data.filled("cacert") {
      self = .authority(roots, revoked: data.filled("crl"))
    } else if let roots = data.filled("ca.crt") {
      self = .authority(roots, revoked: data.filled("ca.crl"))
    } else {
      return nil
    }
  }
}

extension [String: SecretBytes] {
  fileprivate func filled(_ key: String) -> SecretBytes? {
    self[key].flatMap { $0.bytes.isEmpty ? nil : $0 }
  }
}
