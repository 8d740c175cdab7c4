// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Why a key, certificate, request or signature is no good: one phrase, which never repeats bytes.
public struct CryptographyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The phrase, such as `the key does not belong to the certificate`.
  public let description: String

  /// An error of one phrase.
  public init(_ description: String) { self.description = description }

  /// An error of what was tried, with OpenSSL's newest reason; clears its queue of errors.
  static func failed(_ what: String) -> CryptographyError {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let reason = ERR_reason_error_string(code) else {
      return CryptographyError(what)
    }
    return CryptographyError("\(what) (\(String(cString: reason)))")
  }
}

/// The value of a call that gives nil where it fails.
func need<T>(_ value: T?, _ what: String) throws(CryptographyError) -> T {
  guard let value else { throw .failed(what) }
  return value
}

/// Lets a call that does not say 1 fail.
func need(_ result: Int32, _ what: String) throws(CryptographyError) {
  guard result == 1 else { throw .failed(what) }
}
