// SPDX-License-Identifier: Apache-2.0

extension EncodedResource {
  /// A secret with a certificate and its key, both PEM.
  public static func certificate(
    _ name: String, chain: [UInt8], key: [UInt8]
  ) -> EncodedResource {
    secret(name) { secret, arena in
      secret.tlsCertificate = Envoy.TlsCertificate(arena) {
        $0.certificateChain = Envoy.DataSource(arena) { $0.inlineBytes = chain }
        $0.privateKey = Envoy.DataSource(arena) { $0.inlineBytes = key }
      }
    }
  }

  /// A secret with roots, PEM.
  public static func roots(_ name: String, _ pem: [UInt8]) -> EncodedResource {
    secret(name) { secret, arena in
      secret.validationContext = Envoy.CertificateValidationContext(arena) {
        $0.trustedCa = Envoy.DataSource(arena) { $0.inlineBytes = pem }
      }
    }
  }

  private static func secret(
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
