// SPDX-License-Identifier: Apache-2.0
//
// Owner: the function frees all that it makes. Threads: any.

internal import COpenSSL

extension Certificate {
  /// Checks that a chain leads from the certificate to a root, all alive at a moment.
  ///
  /// - Parameters:
  ///   - intermediates: Certificates that may stand between.
  ///   - roots: The certificates that are trusted.
  ///   - now: The moment, in seconds since 1970.
  /// - Throws: Why there is no chain, such as `certificate has expired`.
  public func verify(
    intermediates: [Certificate], roots: [Certificate], at now: Int64
  ) throws(CryptographyError) {
    let what = "memory is short"
    let store = try need(X509_STORE_new(), what)
    defer { X509_STORE_free(store) }
    for root in roots { try need(X509_STORE_add_cert(store, root.pointer), what) }
    let untrusted = try need(OPENSSL_sk_new_null(), what)
    defer { OPENSSL_sk_free(untrusted) }
    for entry in intermediates {
      _ = OPENSSL_sk_push(untrusted, UnsafeRawPointer(entry.pointer))
    }
    let context = try need(X509_STORE_CTX_new(), what)
    defer { X509_STORE_CTX_free(context) }
    try need(X509_STORE_CTX_init(context, store, pointer, untrusted), what)
    X509_STORE_CTX_set_time(context, 0, Int(now))
    let isVerified = withExtendedLifetime((intermediates, roots)) {
      X509_verify_cert(context) == 1
    }
    guard isVerified else {
      let code = Int(X509_STORE_CTX_get_error(context))
      ERR_clear_error()
      let reason = X509_verify_cert_error_string(code).map { String(cString: $0) }
      throw CryptographyError(reason ?? "the chain cannot be verified")
    }
  }
}
