// SPDX-License-Identifier: Apache-2.0

/// What a caller shows of itself on its connection.
public struct CallerCredentials: Sendable {
  /// The token of the header `authorization: Bearer`, where there is one.
  public var bearerToken: String?
  /// The leaf of the client certificate in PEM, whose chain TLS has verified; nil without one.
  public var certificatePEM: String?
  /// The cluster that the caller says it is in, by istiod's header `clusterid`; nil or empty for the
  /// control plane's own.
  public var clusterID: String?
  /// The header `x-forwarded-client-cert`, by which a gateway tells whose certificate it was shown; nil
  /// without one.
  public var forwardedCertificate: String?
  /// The IP address of who is at the other end of the connection; empty where there is none.
  public var address = ""

  /// Credentials as they came.
  public init(
    bearerToken: String? = nil, certificatePEM: String? = nil, clusterID: String? = nil
  ) {
    self.bearerToken = bearerToken
    self.certificatePEM = certificatePEM
    self.clusterID = clusterID
  }

  /// The credentials in the header fields of an HTTP request, which a function finds by name.
  ///
  /// - Parameter address: The IP address of who sent it.
  public init(from address: String, headers: (String) -> String?) {
    self.init(
      bearerToken: headers("authorization").flatMap(CallerCredentials.bearerToken),
      clusterID: headers("clusterid"))
    forwardedCertificate = headers(ForwardedCertificateAuthenticator.header)
    self.address = address
  }

  /// The token of an `authorization` header's value; nil where it is of another scheme.
  public static func bearerToken(ofHeader value: String) -> String? {
    let scheme = "Bearer "
    return value.hasPrefix(scheme) ? String(value.dropFirst(scheme.utf8.count)) : nil
  }
}

/// A caller who has proved who it is.
public struct Caller: Hashable, Sendable {
  /// How the proof was given.
  public enum Source: String, Hashable, Sendable {
    /// By a client certificate of the mesh.
    case certificate
    /// By a token of a service account.
    case token
  }

  /// How the proof was given.
  public var source: Source
  /// Who it is, by all of its names; at least one.
  public var identities: [SpiffeID]
  /// The Pod that its token is bound to; nil where it is bound to none.
  public var pod: PodReference?
  /// When the proof ends, in seconds since 1970: with the token or the certificate; nil where that is
  /// not known.
  public var end: Int64?

  /// A caller of proved identities.
  public init(
    _ source: Source, _ identities: [SpiffeID], pod: PodReference? = nil, end: Int64? = nil
  ) {
    self.source = source
    self.identities = identities
    self.pod = pod
    self.end = end
  }
}

/// One Pod, not another one of its name.
public struct PodReference: Hashable, Sendable {
  /// Its namespace.
  public var namespace: String
  /// Its name.
  public var name: String
  /// Its unique id.
  public var uid: String

  /// A Pod of a name and id.
  public init(namespace: String, name: String, uid: String) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }
}

/// Why a caller is not believed: one sentence, which never repeats a token.
public struct AuthenticationFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// Whether who could tell is away: the same credentials may be believed later.
  public let isTemporary: Bool

  /// A failure of one sentence.
  public init(_ description: String, isTemporary: Bool = false) {
    self.description = description
    self.isTemporary = isTemporary
  }
}

/// One way of proving who one is.
public protocol CallerAuthenticator: Sendable {
  /// The name that logs and refusals give it.
  var name: String { get }

  /// Who the caller is.
  ///
  /// - Throws: Why these credentials do not prove it in this way.
  func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller
}

/// Several ways, tried in order; the first proof counts.
public struct AuthenticatorChain: Sendable {
  private let authenticators: [any CallerAuthenticator]

  /// A chain, the preferred way first.
  public init(_ authenticators: [any CallerAuthenticator]) { self.authenticators = authenticators }

  /// Who the caller is.
  ///
  /// - Throws: Why none of the ways led to a proof.
  public func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    var reasons: [String] = []
    var isTemporary = false
    for authenticator in authenticators {
      do throws(AuthenticationFailure) {
        let caller = try await authenticator.authenticate(credentials)
        if !caller.identities.isEmpty { return caller }
        reasons.append("\(authenticator.name): it proves no identity")
      } catch {
        reasons.append("\(authenticator.name): \(error)")
        isTemporary = isTemporary || error.isTemporary
      }
    }
    let why = reasons.isEmpty ? "there is no way to prove it" : reasons.joined(separator: "; ")
    throw AuthenticationFailure("authentication failure: \(why)", isTemporary: isTemporary)
  }
}
