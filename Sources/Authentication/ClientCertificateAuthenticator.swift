// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Synchronization

/// Believes client certificates whose chain TLS has verified: their SPIFFE names say who it is.
public struct ClientCertificateAuthenticator: CallerAuthenticator {
  private let trustDomains: @Sendable () -> Set<String>
  private let read = ReadCertificates()

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
    let (named, end) = try read.contents(of: pem)
    let known = trustDomains()
    let own = named.filter { known.contains($0.trustDomain) }
    guard !own.isEmpty else {
      throw AuthenticationFailure(
        named.isEmpty
          ? "the client certificate has no SPIFFE name of a service account"
          : "the client certificate is of another trust domain, \(named[0].trustDomain)")
    }
    return Caller(.certificate, own, end: end)
  }
}

/// The SPIFFE names and the ends of certificates that were read already: callers show the same one
/// with every request.
private final class ReadCertificates: Sendable {
  typealias Contents = (names: [SpiffeID], end: Int64)

  private let known = Mutex<[String: Contents]>([:])

  /// How many are remembered; then all are forgotten.
  private static let limit = 10_000

  /// What a certificate says.
  func contents(of pem: String) throws(AuthenticationFailure) -> Contents {
    if let contents = known.withLock({ $0[pem] }) { return contents }
    let certificate: Certificate
    do throws(CryptographyError) {
      certificate = try Certificate(pem: Array(pem.utf8))
    } catch {
      throw AuthenticationFailure("the client certificate cannot be read")
    }
    let contents = (certificate.uris.compactMap(SpiffeID.init), certificate.notAfter)
    known.withLock { known in
      if known.count >= ReadCertificates.limit { known = [:] }
      known[pem] = contents
    }
    return contents
  }
}
