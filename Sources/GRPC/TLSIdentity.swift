// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A certificate, its key, and whom their bearer trusts, all as PEM.
public struct TLSIdentity: Hashable, Sendable {
  /// The leaf certificate, then its intermediates.
  public var certificateChainPEM: String
  /// The leaf's private key.
  public var privateKeyPEM: String
  /// The roots that clients' certificates must lead to; needed where a server asks for them.
  public var trustedRootsPEM: String?

  /// An identity of PEM texts.
  public init(certificateChainPEM: String, privateKeyPEM: String, trustedRootsPEM: String? = nil) {
    self.certificateChainPEM = certificateChainPEM
    self.privateKeyPEM = privateKeyPEM
    self.trustedRootsPEM = trustedRootsPEM
  }
}

/// A server's identity, which may be replaced while it serves.
///
/// Each new connection gets the newest identity; connections that are open keep theirs. Any
/// thread may call.
public final class TLSIdentityProvider: Sendable {
  /// Whether clients must show a certificate.
  public enum ClientCertificate: Sendable {
    /// None is asked for.
    case none
    /// One is asked for, and verified where it comes.
    case optional
    /// One must come, and is verified.
    case required
  }

  /// Whether clients must show a certificate.
  public let clientCertificate: ClientCertificate
  private let state: Mutex<(identity: TLSIdentity?, generation: Int)>

  /// A provider of a first identity; without one, no server can listen before ``update(_:)``.
  public init(_ identity: TLSIdentity? = nil, clientCertificate: ClientCertificate = .none) {
    self.clientCertificate = clientCertificate
    state = Mutex((identity, 1))
  }

  /// Replaces the identity for connections to come.
  ///
  /// One that does not parse, or lacks the roots where clients are asked for certificates, is
  /// refused by TLS, which then goes on with the one before.
  public func update(_ identity: TLSIdentity) {
    state.withLock { state in
      if state.identity != identity { state = (identity, state.generation + 1) }
    }
  }

  var newest: (identity: TLSIdentity?, generation: Int) { state.withLock { $0 } }
}
