// SPDX-License-Identifier: Apache-2.0

import Cryptography
import EnvoyAPI
import GRPC
import StateDirectory

/// A workload's certificate, its key, and whom it trusts.
struct WorkloadIdentity: Sendable {
  var chainPEM: String
  var keyPEM: String
  var rootsPEM: String
  /// The last second of the certificate's life, since 1970.
  var end: Int64
}

/// Asks the certificate authority for a workload's certificate, for a key that is made here and never
/// leaves the machine.
struct CertificateRequester: Sendable {
  private let options: AgentOptions

  /// A requester of an agent's options.
  init(_ options: AgentOptions) { self.options = options }

  /// A new identity.
  ///
  /// - Throws: `FileError`, `CryptographyError`, `GRPCSetupError` or `GRPCStatus`.
  func request() async throws -> WorkloadIdentity {
    let key = try PrivateKey(generating: .p256)
    let csr = try CertificateRequest(for: key).pem
    let channel = try ControlPlaneConnection.channel(options.authorityAddress, options)
    defer { channel.close() }
    let request = Arena.scope { arena in
      GRPCMessage(
        Envoy.IstioCertificateRequest(arena) {
          $0.csr = Array(csr.utf8)
          $0.validityDuration = options.certificateLifetime
        }.packed)
    }
    let reply = try await channel.unary(
      "/istio.v1.auth.IstioCertificateService/CreateCertificate", request,
      metadata: try ControlPlaneConnection.proof(options), deadline: .now + .seconds(30))
    let chain = try reply.array.withUnsafeBytes { buffer throws(WireError) in
      try Arena.scope { arena throws(WireError) in
        Array(try Envoy.IstioCertificateResponse(unpacking: buffer, in: arena).certChain)
      }
    }
    guard chain.count >= 2, let roots = chain.last else {
      throw CryptographyError("the authority gave no certificate with its roots")
    }
    let leaf = try Certificate(pem: Array(chain[0].utf8))
    guard try leaf.publicKey().matches(key.publicKey()) else {
      throw CryptographyError("the authority gave a certificate of another key")
    }
    return WorkloadIdentity(
      chainPEM: chain.dropLast().joined(), keyPEM: try key.pem(), rootsPEM: roots,
      end: leaf.notAfter)
  }
}

/// How the agent speaks with the control plane: by TLS, with the workload's token.
enum ControlPlaneConnection {
  /// A channel to an address, whose roots are read now.
  static func channel(_ address: String, _ options: AgentOptions) throws -> GRPCChannel {
    let roots = String(decoding: try FileBytes.read(options.rootsFile), as: UTF8.self)
    var configuration = GRPCChannelConfiguration()
    configuration.maxReceiveMessageSize = 256 << 20
    configuration.keepaliveInterval = .seconds(30)
    configuration.maxReconnectBackoff = .seconds(5)
    return try GRPCChannel(
      address, credentials: .tls(rootsPEM: roots, serverName: options.serverName),
      configuration: configuration)
  }

  /// The headers that prove who the workload is; the token is read each time, as it changes.
  static func proof(_ options: AgentOptions) throws(FileError) -> GRPCMetadata {
    let bytes = try FileBytes.read(options.tokenFile, limit: 64 << 10)
    let token = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
    return ["authorization": "Bearer \(token)"]
  }
}
