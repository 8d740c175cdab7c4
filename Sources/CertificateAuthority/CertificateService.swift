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
    if asked.isImpersonating {
      metrics.authenticationFailures.increment()
      log.warn(
        "\(call.peer): impersonation is not allowed, CA_TRUSTED_NODE_ACCOUNTS names no account")
      throw GRPCStatus(.unauthenticated, "request impersonation authentication failure")
    }
    let names = caller.identities.map { CertificateTemplate.Name.uri("\($0)") }
    let key: PublicKey
    do throws(CryptographyError) {
      key = try CertificateRequest(asked.request).provenKey()
    } catch {
      metrics.badRequests.increment()
      log.warn("\(call.peer) (\(caller.names)): the CSR is refused: \(error)")
      throw GRPCStatus(.invalidArgument, "CSR signing error (\(error))")
    }
    do throws(CryptographyError) {
      let issued = try authority.issue(for: key, names: names, lifetime: asked.lifetime)
      metrics.issued.increment()
      log.debug("\(call.peer): issued \(issued.leaf.serial) to \(caller.names)")
      return reply(issued)
    } catch {
      metrics.signingFailures.increment(["cert_generation_error"])
      log.error("a certificate for \(caller.names) cannot be signed: \(error)")
      throw GRPCStatus(.internal, "CSR signing error (\(error))")
    }
  }

  private func authenticate(_ call: GRPCServerStream) async throws(GRPCStatus) -> Caller {
    do throws(AuthenticationFailure) {
      return try await authenticators.authenticate(call.credentials)
    } catch {
      metrics.authenticationFailures.increment()
      log.warn("\(call.peer): \(error)")
      throw GRPCStatus(.unauthenticated, "request authenticate failure")
    }
  }

  /// The leaf, its issuers one by one, and the roots as one text, as istiod sends them.
  private func reply(_ issued: IssuedCertificate) -> GRPCMessage {
    let bytes = Arena.scope { arena in
      Envoy.IstioCertificateResponse(arena) { response in
        response.certChain.append(issued.leaf.pem)
        for certificate in issued.chain { response.certChain.append(certificate.pem) }
        response.certChain.append(issued.rootsPEM)
      }.packed
    }
    return GRPCMessage(bytes)
  }
}

extension Caller {
  fileprivate var names: String { identities.map(\.description).joined(separator: ", ") }
}

/// What a request asks for.
private struct AskedCertificate {
  var request: [UInt8]
  var lifetime: Int64
  var isImpersonating: Bool

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
    isImpersonating = !(message.metadata?["ImpersonatedIdentity"]?.string ?? "").isEmpty
  }
}
