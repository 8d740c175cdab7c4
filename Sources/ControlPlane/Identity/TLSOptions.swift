// SPDX-License-Identifier: Apache-2.0

import Flags

/// What `--tls-min-version` and `--tls-cipher-suites` ask of the TLS port.
struct TLSOptions: Hashable, Sendable {
  /// The suites of TLS 1.2, by OpenSSL's names with colons between them; nil for gRPC's own.
  var suites: String?

  init(_ line: FlagValues) throws(FlagError) {
    let version = line["tls-min-version"]
    guard ["1.2", "1.3"].contains(version) else {
      throw FlagError("The flag --tls-min-version cannot be \"\(version)\": it is 1.2 or 1.3.")
    }
    var names: [String] = []
    for written in line["tls-cipher-suites"].split(separator: ",").map(String.init) {
      if TLSOptions.newer.contains(written) { continue }
      guard let name = TLSOptions.names[written] else {
        throw FlagError(
          "The flag --tls-cipher-suites cannot have \"\(written)\"; known are "
            + (TLSOptions.names.keys.sorted() + TLSOptions.newer).joined(separator: ", ") + ".")
      }
      names.append(name)
    }
    if version == "1.3" {
      // gRPC takes TLS 1.2 always: a suite that needs a key which nobody has lets none come about.
      suites = "PSK-AES256-GCM-SHA384"
    } else if !names.isEmpty {
      suites = names.joined(separator: ":")
    }
  }

  /// The suites of TLS 1.3, which are always there, as in Go.
  private static let newer = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
  ]

  /// Go's names, which istiod takes, with OpenSSL's.
  private static let names: [String: String] = {
    let ciphers = [
      "AES_128_GCM_SHA256": "AES128-GCM-SHA256", "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
      "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305", "AES_128_CBC_SHA": "AES128-SHA",
      "AES_256_CBC_SHA": "AES256-SHA",
    ]
    var names: [String: String] = [:]
    for key in ["ECDSA", "RSA"] {
      for (go, openssl) in ciphers {
        names["TLS_ECDHE_\(key)_WITH_\(go)"] = "ECDHE-\(key)-\(openssl)"
      }
    }
    return names
  }()
}
