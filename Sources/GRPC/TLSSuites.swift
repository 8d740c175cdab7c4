// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The cipher suites of TLS 1.2 of all servers and channels of this process.
public enum TLSSuites {
  /// Sets them, by OpenSSL's names with colons between them.
  ///
  /// To be called once, before anything else of gRPC, and before there are other threads: gRPC reads
  /// them from the environment when it first needs them.
  public static func set(_ names: String) { setenv("GRPC_SSL_CIPHER_SUITES", names, 1) }
}
