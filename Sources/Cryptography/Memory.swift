// SPDX-License-Identifier: Apache-2.0
//
// Owner: the function that lends the BIO. Threads: one. Freed: when the function returns; a BIO
// that held a key is cleared first.

import COpenSSL

/// Lends bytes as a BIO that is read from.
func withReader<R>(
  _ bytes: [UInt8], _ body: (OpaquePointer) throws(CryptographyError) -> R
) throws(CryptographyError) -> R {
  guard let count = Int32(exactly: bytes.count),
    let memory = BIO_new_mem_buf(bytes, count)
  else { throw .failed("memory is short") }
  defer { BIO_free(memory) }
  // A BIO over memory does not own it, so that the bytes must outlive the reading.
  return try withExtendedLifetime(bytes) { () throws(CryptographyError) in try body(memory) }
}

/// What is written to a BIO, as text.
func written(
  secret: Bool = false, _ body: (OpaquePointer) -> Int32
) throws(CryptographyError) -> String {
  guard let memory = BIO_new(secret ? BIO_s_secmem() : BIO_s_mem()) else {
    throw .failed("memory is short")
  }
  defer { BIO_free(memory) }
  guard body(memory) == 1 else { throw .failed("it cannot be written") }
  var start: UnsafeMutablePointer<CChar>?
  let count = BIO_ctrl(memory, BIO_CTRL_INFO, 0, &start)
  guard let start, count > 0 else { return "" }
  return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
}

/// The DER of what an `i2d` function writes.
func encoded(
  _ body: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
) -> [UInt8] {
  let count = Int(body(nil))
  guard count > 0 else { return [] }
  return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
    var cursor = buffer.baseAddress
    initialized = Int(max(0, body(&cursor)))
  }
}

/// Instead of OpenSSL's own callback, which would ask for a passphrase on the terminal.
func refusePassphrase(
  _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isWriting: Int32,
  _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }
