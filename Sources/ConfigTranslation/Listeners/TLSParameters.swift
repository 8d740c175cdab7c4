// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension Envoy.CommonTlsContext {
  /// Sets ciphers, curves and versions: those that a server is given, else the mesh's.
  func setParameters(
    _ settings: Istio.ServerTLSSettings, _ defaults: Istio.Mesh.MeshConfig.TLSConfig?
  ) {
    let own = TLSCiphers.known(settings.cipherSuites)
    let ciphers = own.isEmpty ? defaults?.cipherSuites ?? [] : own
    let minimum = settings.minProtocolVersion.envoy ?? defaults?.minProtocolVersion.envoy
    let maximum = settings.maxProtocolVersion.envoy
    let curves = defaults?.ecdhCurves ?? []
    guard !ciphers.isEmpty || !curves.isEmpty || minimum != nil || maximum != nil else { return }
    tlsParams = make(Envoy.TlsParameters.self) {
      $0.cipherSuites = .init(ciphers)
      $0.ecdhCurves = .init(curves)
      if let minimum { $0.tlsMinimumProtocolVersion = minimum }
      if let maximum { $0.tlsMaximumProtocolVersion = maximum }
    }
  }
}

/// The ciphers that Envoy knows: it refuses a listener with others.
private enum TLSCiphers {
  private static let names: Set<String> = [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA",
  ]

  /// Those of `written` that are known, or are expressions, each once.
  static func known(_ written: [String]) -> [String] {
    var seen: Set<String> = []
    return written.filter { name in
      let isWord = name.first.map { $0.isLetter || $0.isNumber } ?? false
      return (!isWord || name == "ALL" || names.contains(name)) && seen.insert(name).inserted
    }
  }
}

extension Istio.ServerTLSSettings.TLSProtocol {
  /// Envoy's name of a version; nil where it is left to Envoy.
  fileprivate var envoy: Envoy.TlsParameters.TlsProtocol? {
    switch self {
    case .tlsAuto: nil
    case .tlsv1_0: .tLSv10
    case .tlsv1_1: .tLSv11
    case .tlsv1_2: .tLSv12
    case .tlsv1_3: .tLSv13
    }
  }
}

extension Istio.Mesh.MeshConfig.TLSConfig.TLSProtocol {
  /// Envoy's name of a version; nil where it is left to Envoy.
  fileprivate var envoy: Envoy.TlsParameters.TlsProtocol? {
    switch self {
    case .tlsAuto: nil
    case .tlsv1_2: .tLSv12
    case .tlsv1_3: .tLSv13
    }
  }
}
