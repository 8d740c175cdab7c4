// SPDX-License-Identifier: Apache-2.0

public import Authentication
import Cryptography
import EnvoyAPI
public import GRPC
import JSON
public import Logging
import Metrics

/// `istio.v1.auth.IstioCertificateService`: certificates for callers who have proved who they are.
///
/// Of a request the key alone is taken: the certificate says what the caller has proved to be.
public struct CertificateService: Sendable {
  private let authority: CertificateAuthority
  private let authenticators: AuthenticatorChain
  private let metrics: CertificateMetrics
  private let log: Logger
  /// Who may ask for certificates of others; nil where nobody may.
  public var impersonation: (any ImpersonationPolicy)?
  /// What remembers who was given what; nil for nothing.
  public var ledger: IssuanceLedger?

  /// A service of an authority.
  public init(
    _ authority: CertificateAuthority, authenticators: AuthenticatorChain,
    metrics: CertificateMetrics, logs: LogSystem
  ) {
    self.authority = authority
    self.authenticators = authenticators
    self.metrics = metrics
    log = logs.scope("serverca", "Citadel server log")
  }

  /// The method to register with a gRPC server.
  public var methods: [GRPCMethod] {
    [
      .unary("/istio.v1.auth.IstioCertificateService/CreateCertificate") {
        message, call async throws(GRPCStatus) in
        try await create(message, call)
      }
    ]
  }

  private func create(
    _ message: GRPCMessage, _ call: GRPCServerStream
  ) async throws(GRPCStatus) -> GRPCMessage {
    metrics.requests.increment()
    let caller = try await authenticate(call)
    let asked = try AskedCertificate(message)
    let identities = try identities(of: caller, asked, call)
    let names = identities.map { CertificateTemplate.Name.uri("\($0)") }
    let key: SubjectKey
    do throws(CryptographyError) {
      key = try SubjectKey(provenBy: asked.request)
    } catch {
      metrics.badRequests.increment()
      log.warn("\(call.peer) (\(caller.names)): the CSR is refused: \(error)")
      throw GRPCStatus(.invalidArgument, "CSR signing error (\(error))")
    }
    do throws(CryptographyError) {
      let issued = try authority.issue(for: key, names: names, lifetime: asked.lifetime)
      metrics.issued.increment()
      log.debug("\(call.peer): issued \(issued.leaf.serial) to \(identities)")
      note(issued, identities, call)
      return reply(issued)
    } catch {
      metrics.signingFailures.increment(["cert_generation_error"])
      log.error("a certificate for \(caller.names) cannot be signed: \(error)")
      throw GRPCStatus(.internal, "CSR signing error (\(error))")
    }
  }

  /// Whom the certificate names: the caller, or the one that the caller may stand for.
  private func identities(
    of caller: Caller, _ asked: AskedCertificate, _ call: GRPCServerStream
  ) throws(GRPCStatus) -> [SpiffeID] {
    guard !asked.impersonated.isEmpty else { return caller.identities }
    do throws(AuthenticationFailure) {
      guard let impersonation else {
        throw AuthenticationFailure("CA_TRUSTED_NODE_ACCOUNTS names no account")
      }
      guard let wanted = SpiffeID(asked.impersonated) else {
        throw AuthenticationFailure("what is asked for is no SPIFFE name of a service account")
      }
      try impersonation.check(caller, standsFor: wanted)
      return [wanted]
    } catch {
      metrics.authenticationFailures.increment()
      log.warn("\(call.peer) (\(caller.names)): impersonation is not allowed: \(error)")
      throw GRPCStatus(.unauthenticated, "request impersonation authentication failure")
    }
  }

  private func note(
    _ issued: IssuedCertificate, _ identities: [SpiffeID], _ call: GRPCServerStream
  ) {
    guard let ledger else { return }
    for id in identities {
      let workload = IssuanceLedger.Workload(
        peer: call.peer, namespace: id.namespace, serviceAccount: id.serviceAccount)
      ledger.note(workload, issued, signer: issued.signer, at: issued.issuedAt)
    }
  }

  private func authenticate(_ call: GRPCServerStream) async throws(GRPCStatus) -> Caller {
    do throws(AuthenticationFailure) {
      return try await authenticators.authenticate(call.credentials)
    } catch {
      metrics.authenticationFailures.increment()
      log.warn("\(call.peer): \(error)")
      throw GRPCStatus(
        error.isTemporary ? .unavailable : .unauthenticated, "request authenticate failure")
    }
  }

  /// The leaf, its issuers one by one, and the roots as one text, as istiod sends them.
  private func reply(_ issued: IssuedCertificate) -> GRPCMessage {
    let bytes = Arena.scope { arena in
      Envoy.IstioCertificateResponse(arena) { response in
        response.certChain.append(issued.leaf.pem)
        for certificate in issued.chainPEMs { response.certChain.append(certificate) }
        response.certChain.append(issued.rootsPEM)
      }.packed
    }
    return GRPCMessage(bytes)
  }
}

/// Who may be given certificates that name others.
public protocol ImpersonationPolicy: Sendable {
  /// Checks that a caller may stand for another.
  ///
  /// - Throws: Why it may not.
  func check(_ caller: Caller, standsFor identity: SpiffeID) throws(AuthenticationFailure)
}

extension Caller {
  fileprivate var names: String { identities.map(\.description).joined(separator: ", ") }
}

/// What a request asks for.
private struct AskedCertificate {
  var request: [UInt8]
  var lifetime: Int64
  var impersonated: String

  init(_ message: GRPCMessage) throws(GRPCStatus) {
    let bytes = message.array
    do {
      self = try bytes.withUnsafeBytes { buffer throws(WireError) in
        try Arena.scope { arena throws(WireError) in
          AskedCertificate(try Envoy.IstioCertificateRequest(unpacking: buffer, in: arena))
        }
      }
    } catch {
      throw GRPCStatus(.invalidArgument, "The request cannot be read: \(error)")
    }
  }

  private init(_ message: Envoy.IstioCertificateRequest) {
    request = message.csr
    lifetime = message.validityDuration
    impersonated = message.metadata?["ImpersonatedIdentity"]?.string ?? ""
  }
}
