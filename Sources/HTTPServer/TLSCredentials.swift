// SPDX-License-Identifier: Apache-2.0
//
// Owns: one reference to an OpenSSL SSL_CTX at a time.
// Threads: any; OpenSSL counts the references of a context itself.
// Freed: a replaced context goes when its last connection does.

internal import CEvent
internal import Synchronization

/// A server's certificate and key, which can be replaced while it serves.
///
/// Connections that are open keep what they were made with; new ones take the newest.
public final class TLSCredentials: Sendable {
  /// The oldest version of TLS that is spoken.
  public enum Version: Sendable {
    /// TLS 1.2.
    case v12
    /// TLS 1.3.
    case v13
  }

  private let minimum: Version
  private let context: Mutex<TLSContext>

  /// Credentials from a certificate chain, leaf first, and its key, both in PEM.
  public init(
    certificateChainPEM: [UInt8], keyPEM: [UInt8], minimum: Version = .v12
  ) throws(HTTPServerError) {
    self.minimum = minimum
    context = Mutex(try TLSContext(certificateChainPEM, keyPEM, minimum))
  }

  /// Puts another certificate and key in place; on failure the old ones go on serving.
  public func reload(certificateChainPEM: [UInt8], keyPEM: [UInt8]) throws(HTTPServerError) {
    let fresh = try TLSContext(certificateChainPEM, keyPEM, minimum)
    context.withLock { $0 = fresh }
  }

  /// A new connection's TLS state, which the caller owns; nil if memory is short.
  func makeSession() -> OpaquePointer? { context.withLock { $0 }.makeSession() }
}

/// One SSL_CTX.
private final class TLSContext: Sendable {
  // SAFETY: written once; OpenSSL allows SSL_new on a context from any thread.
  nonisolated(unsafe) private let pointer: OpaquePointer

  init(
    _ chain: [UInt8], _ key: [UInt8], _ minimum: TLSCredentials.Version
  ) throws(HTTPServerError) {
    ERR_clear_error()
    guard let pointer = SSL_CTX_new(TLS_server_method()) else {
      throw .badCredentials(lastReason())
    }
    self.pointer = pointer
    let version = minimum == .v12 ? TLS1_2_VERSION : TLS1_3_VERSION
    SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(version), nil)
    try useChain(chain)
    try useKey(key)
  }

  deinit { SSL_CTX_free(pointer) }

  func makeSession() -> OpaquePointer? { SSL_new(pointer) }

  private func useChain(_ pem: [UInt8]) throws(HTTPServerError) {
    guard let memory = BIO_new_mem_buf(pem, Int32(pem.count)) else {
      throw .badCredentials(lastReason())
    }
    defer { BIO_free(memory) }
    guard let leaf = PEM_read_bio_X509(memory, nil, nil, nil) else {
      throw .badCredentials(lastReason())
    }
    defer { X509_free(leaf) }
    guard SSL_CTX_use_certificate(pointer, leaf) == 1 else { throw .badCredentials(lastReason()) }
    while let issuer = PEM_read_bio_X509(memory, nil, nil, nil) {
      // SSL_CTX_add0_chain_cert: the context takes the reference.
      let isAdded = SSL_CTX_ctrl(pointer, SSL_CTRL_CHAIN_CERT, 0, UnsafeMutableRawPointer(issuer))
      guard isAdded == 1 else {
        X509_free(issuer)
        throw .badCredentials(lastReason())
      }
    }
    ERR_clear_error()  // the end of the file counts as an error
  }

  private func useKey(_ pem: [UInt8]) throws(HTTPServerError) {
    guard let memory = BIO_new_mem_buf(pem, Int32(pem.count)) else {
      throw .badCredentials(lastReason())
    }
    defer { BIO_free(memory) }
    guard let key = PEM_read_bio_PrivateKey(memory, nil, refusePassphrase, nil) else {
      throw .badCredentials(lastReason())
    }
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(pointer, key) == 1, SSL_CTX_check_private_key(pointer) == 1 else {
      throw .badCredentials(lastReason())
    }
  }
}

/// Instead of OpenSSL's own, which would ask on the terminal.
private func refusePassphrase(
  _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isWriting: Int32,
  _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }

private func lastReason() -> String {
  let code = ERR_get_error()
  ERR_clear_error()
  guard let reason = ERR_reason_error_string(code) else { return "unknown reason" }
  return String(cString: reason)
}
