// SPDX-License-Identifier: Apache-2.0
//
// Owner: gRPC's credentials own the certificate source's retain, and give it back when they are
// destroyed, after the listener. Threads: the fetcher is called on any of gRPC's, at the begin of
// a handshake. Freed: as said.

import CGRPC
import Synchronization

/// How connections to a server are secured.
public enum GRPCServerCredentials: Sendable {
  /// Not at all.
  case plaintext
  /// By TLS 1.2 or later, with the provider's newest identity for each new connection.
  case tls(TLSIdentityProvider)
}

/// Lends C credentials for the length of a call; gRPC takes its own reference.
func withServerCredentials<R>(
  _ credentials: GRPCServerCredentials, _ body: (OpaquePointer) -> R
) throws(GRPCSetupError) -> R {
  let raw =
    switch credentials {
    case .plaintext: grpc_insecure_server_credentials_create()
    case .tls(let provider): tlsCredentials(provider)
    }
  guard let raw else { throw GRPCSetupError("gRPC refuses the server's credentials") }
  defer { grpc_server_credentials_release(raw) }
  return body(raw)
}

private func tlsCredentials(_ provider: TLSIdentityProvider) -> OpaquePointer? {
  let source = Unmanaged.passRetained(CertificateSource(provider)).toOpaque()
  let options = grpc_ssl_server_credentials_create_options_using_config_fetcher(
    provider.clientCertificate.request, fetchCertificate, source)
  guard let credentials = grpc_ssl_server_credentials_create_with_options(options) else {
    releaseCertificateSource(source)
    return nil
  }
  // A processor without a function changes nothing; its end tells the credentials' end.
  grpc_server_credentials_set_auth_metadata_processor(
    credentials,
    grpc_auth_metadata_processor(
      process: nil, destroy: releaseCertificateSource, state: source))
  return credentials
}

extension TLSIdentityProvider.ClientCertificate {
  fileprivate var request: grpc_ssl_client_certificate_request_type {
    switch self {
    case .none: GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
    case .optional: GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
    case .required: GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
    }
  }
}

/// A provider as one listener sees it: which identity it has taken already.
private final class CertificateSource: Sendable {
  private let provider: TLSIdentityProvider
  private let taken = Mutex<Int?>(nil)

  init(_ provider: TLSIdentityProvider) { self.provider = provider }

  /// The identity, unless it was taken already.
  func fresh() -> TLSIdentity? {
    let (identity, generation) = provider.newest
    let isNew = taken.withLock { taken in
      defer { taken = generation }
      return taken != generation
    }
    return isNew ? identity : nil
  }

  /// The roots for clients' certificates; `nil` where they are needed and missing.
  ///
  /// gRPC aborts the process without any, even where no client is asked: then any PEM will do.
  func roots(of identity: TLSIdentity) -> String? {
    if let roots = identity.trustedRootsPEM { return roots }
    return provider.clientCertificate == .none ? identity.certificateChainPEM : nil
  }
}

private func releaseCertificateSource(_ context: UnsafeMutableRawPointer?) {
  guard let context else { return }
  Unmanaged<CertificateSource>.fromOpaque(context).release()
}

private func fetchCertificate(
  _ context: UnsafeMutableRawPointer?,
  _ config: UnsafeMutablePointer<OpaquePointer?>?
) -> grpc_ssl_certificate_config_reload_status {
  guard let context, let config else { return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL }
  let source = Unmanaged<CertificateSource>.fromOpaque(context).takeUnretainedValue()
  guard let identity = source.fresh() else { return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED }
  guard let roots = source.roots(of: identity) else {
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL
  }
  config.pointee = withKeyPair(identity) { pair in
    grpc_ssl_server_certificate_config_create(roots, pair, 1)
  }
  return config.pointee == nil
    ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW
}

/// Lends an identity's key and chain as C texts.
func withKeyPair<R>(
  _ identity: TLSIdentity, _ body: (UnsafeMutablePointer<grpc_ssl_pem_key_cert_pair>) -> R
) -> R {
  identity.privateKeyPEM.withCString { key in
    identity.certificateChainPEM.withCString { chain in
      var pair = grpc_ssl_pem_key_cert_pair(private_key: key, cert_chain: chain)
      return body(&pair)
    }
  }
}
