// SPDX-License-Identifier: Apache-2.0

import Cryptography

/// Believes client certificates whose chain TLS has verified: their SPIFFE names say who it is.
public struct ClientCertificateAuthenticator: CallerAuthenticator {
  private let trustDomains: @Sendable () -> Set<String>

  /// An authenticator of some trust domains: the mesh's own and its aliases, as they are now.
  public init(trustDomains: @escaping @Sendable () -> Set<String>) {
    self.trustDomains = trustDomains
  }

  /// Istiod's name of it.
  public var name: String { "ClientCertAuthenticator" }

  /// Who the certificate says it is; names of other trust domains do not count.
  public func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    guard let pem = credentials.certificatePEM else {
      throw AuthenticationFailure("no client certificate is presented")
    }
    let certificate: Certificate
    do throws(CryptographyError) {
      certificate = try Certificate(pem: Array(pem.utf8))
    } catch {
      throw AuthenticationFailure("the client certificate cannot be read")
    }
    let named = certificate.uris.compactMap(SpiffeID.init)
    let known = trustDomains()
    let own = named.filter { known.contains($0.trustDomain) }
    guard !own.isEmpty else {
      throw AuthenticationFailure(
        named.isEmpty
          ? "the client certificate has no SPIFFE name of a service account"
          : "the client certificate is of another trust domain, \(named[0].trustDomain)")
    }
    return Caller(.certificate, own)
  }
}
