// SPDX-License-Identifier: Apache-2.0

import Cryptography
public import Metrics

/// Istiod's metrics of the certificate authority.
public struct CertificateMetrics: Sendable {
  let requests: Counter
  let authenticationFailures: Counter
  let badRequests: Counter
  let signingFailures: Counter
  let issued: Counter
  private let rootExpiry: Gauge
  private let chainExpiry: Gauge

  /// Registers the metrics with `registry`.
  public init(_ registry: MetricsRegistry) {
    requests = registry.counter(
      "citadel_server_csr_count", help: "Certificates that were asked for.")
    authenticationFailures = registry.counter(
      "citadel_server_authentication_failure_count",
      help: "Requests for certificates by callers that were not believed.")
    badRequests = registry.counter(
      "citadel_server_csr_parsing_err_count", help: "Certificate signing requests refused.")
    signingFailures = registry.counter(
      "citadel_server_csr_sign_err_count", help: "Certificates that could not be signed.",
      labels: ["error"])
    issued = registry.counter(
      "citadel_server_success_cert_issuance_count", help: "Certificates issued.")
    rootExpiry = registry.gauge(
      "citadel_server_root_cert_expiry_timestamp",
      help: "When the first root expires, in seconds since 1970.")
    chainExpiry = registry.gauge(
      "citadel_server_cert_chain_expiry_timestamp",
      help: "When the signing certificate expires, in seconds since 1970.")
  }

  /// Shows when an authority's certificates expire.
  public func show(_ authority: SigningAuthority?) {
    guard let authority else { return }
    rootExpiry.set(Double(authority.roots.map(\.notAfter).min() ?? 0))
    chainExpiry.set(Double(authority.certificate.notAfter))
  }
}
