// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object owns its session, and none of the descriptor. Threads: one at a time; calls block as
// long as the descriptor's own limits let them.

import COpenSSL

/// A client's side of TLS over a connected descriptor, which believes any certificate: how Kubernetes
/// probes HTTPS ("skipping certificate verification").
public final class UnverifiedTLSClient {
  private let session: OpaquePointer

  /// Shakes hands over a descriptor.
  ///
  /// - Parameter serverName: The name for SNI; nil sends none.
  /// - Throws: Why the other side does not shake hands.
  public init(descriptor: Int32, serverName: String?) throws(CryptographyError) {
    guard let context = SSL_CTX_new(TLS_client_method()) else {
      throw CryptographyError("there is no TLS to be had")
    }
    defer { SSL_CTX_free(context) }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
    guard let session = SSL_new(context) else {
      throw CryptographyError("there is no TLS to be had")
    }
    self.session = session
    SSL_set_fd(session, descriptor)
    if let serverName {
      var name = Array(serverName.utf8CString)
      _ = SSL_ctrl(
        session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &name)
    }
    guard SSL_connect(session) == 1 else {
      throw CryptographyError("the other side does not shake hands by TLS")
    }
  }

  deinit {
    SSL_free(session)
    ERR_clear_error()
  }

  /// Tells the other side that no more follows; to be called before the descriptor is closed.
  public func end() { SSL_shutdown(session) }

  /// Writes all bytes; false where the other side has ended or the time is over.
  public func write(_ bytes: [UInt8]) -> Bool {
    bytes.isEmpty || SSL_write(session, bytes, Int32(bytes.count)) == Int32(bytes.count)
  }

  /// The next bytes, at most 16 KiB; nil at the end, or where the time is over.
  public func read() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let count = SSL_read(session, &buffer, Int32(buffer.count))
    return count > 0 ? Array(buffer[..<Int(count)]) : nil
  }
}
