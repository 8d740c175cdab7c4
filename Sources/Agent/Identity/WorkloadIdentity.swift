// SPDX-License-Identifier: Apache-2.0

import Cryptography
import EnvoyAPI
import GRPC
import JSON
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
  private let options: CertificateOptions

  /// A requester of an agent's options.
  init(_ options: CertificateOptions) { self.options = options }

  /// A new identity.
  ///
  /// - Throws: `AgentError`, `FileError`, `CryptographyError`, `GRPCSetupError` or `GRPCStatus`.
  func request() async throws -> WorkloadIdentity {
    let key = try PrivateKey(generating: options.algorithm)
    let csr = try CertificateRequest(for: key).pem
    let channel = try ControlPlaneConnection.channel(
      options.authorityAddress, roots: options.authorityRoots, options)
    defer { channel.close() }
    let request = Arena.scope { arena in
      GRPCMessage(
        Envoy.IstioCertificateRequest(arena) {
          $0.csr = Array(csr.utf8)
          $0.validityDuration = options.lifetime
          $0.metadata = JSONObject(distinct: [.init("CertSigner", .string(options.signer))])
        }.packed)
    }
    let reply = try await channel.unary(
      "/istio.v1.auth.IstioCertificateService/CreateCertificate", request,
      metadata: try ControlPlaneConnection.proof(options, headers: options.authorityHeaders),
      deadline: .now + .seconds(30))
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

/// How the agent speaks with the control plane: by TLS, with the workload's token or a certificate.
enum ControlPlaneConnection {
  /// A channel to an address, whose roots and certificate are read now.
  ///
  /// - Parameter files: The files with roots, of which the first that is there counts; nil for plaintext.
  static func channel(
    _ address: String, roots files: [String]?, _ options: CertificateOptions
  ) throws -> GRPCChannel {
    var configuration = GRPCChannelConfiguration()
    configuration.maxReceiveMessageSize = 256 << 20
    configuration.keepaliveInterval = .seconds(30)
    configuration.maxReconnectBackoff = .seconds(5)
    var credentials = GRPCChannelCredentials.plaintext
    if let files {
      credentials = .tls(
        rootsPEM: try roots(files), identity: identity(options), serverName: options.serverName)
    }
    return try GRPCChannel(address, credentials: credentials, configuration: configuration)
  }

  /// What the first of some files holds that is there.
  private static func roots(_ files: [String]) throws(AgentError) -> String {
    for file in files {
      if let bytes = try? FileBytes.read(file) { return String(decoding: bytes, as: UTF8.self) }
    }
    let names = files.joined(separator: " or ")
    throw AgentError("there are no roots to know the control plane by: \(names) cannot be read")
  }

  /// The certificate to show; nil where there is none, or not yet.
  private static func identity(_ options: CertificateOptions) -> TLSIdentity? {
    guard let files = options.client, let chain = try? FileBytes.read(files.chain),
      let key = try? FileBytes.read(files.key)
    else { return nil }
    return TLSIdentity(
      certificateChainPEM: String(decoding: chain, as: UTF8.self),
      privateKeyPEM: String(decoding: key, as: UTF8.self))
  }

  /// The headers of a call: the cluster, and the token.
  ///
  /// It is read each time, as it changes. Where a certificate proves who the workload is, there need be
  /// none.
  ///
  /// - Parameter isPlain: Whether the way there has no TLS, so that no token goes by it.
  static func proof(
    _ options: CertificateOptions, headers: [(key: String, value: String)], isPlain: Bool = false
  ) throws(FileError) -> GRPCMetadata {
    var metadata: GRPCMetadata = ["clusterid": options.cluster]
    for (name, value) in headers { metadata.add(name.lowercased(), value) }
    guard !isPlain else { return metadata }
    do throws(FileError) {
      let bytes = try FileBytes.read(options.tokenFile, limit: 64 << 10)
      let token = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
      if !token.isEmpty { metadata.add("authorization", "Bearer \(token)") }
    } catch {
      if options.client == nil { throw error }
    }
    return metadata
  }
}
