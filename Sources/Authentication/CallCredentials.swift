// SPDX-License-Identifier: Apache-2.0

public import GRPC

extension GRPCServerStream {
  /// What the caller shows of itself.
  public var credentials: CallerCredentials {
    var shown = CallerCredentials(
      bearerToken: metadata.values("authorization").lazy
        .compactMap { CallerCredentials.bearerToken(ofHeader: $0.text) }.first,
      certificatePEM: peerCertificatePEM,
      clusterID: metadata.values("clusterid").first.map(\.text))
    shown.forwardedCertificate =
      metadata.values(ForwardedCertificateAuthenticator.header).first.map(\.text)
    if shown.forwardedCertificate != nil { shown.address = CallerCredentials.address(ofPeer: peer) }
    return shown
  }
}

extension CallerCredentials {
  /// The IP address in a peer's name as gRPC writes it: `ipv4:10.0.0.1:4711`, `ipv6:%5B::1%5D:4711`;
  /// empty where there is none.
  static func address(ofPeer peer: String) -> String {
    for (family, brackets) in [("ipv4:", false), ("ipv6:", true)] where peer.hasPrefix(family) {
      let rest = peer.dropFirst(family.utf8.count)
      guard let end = rest.lastIndex(of: ":") else { return "" }
      let host = rest[..<end]
      guard brackets else { return String(host) }
      for (opening, closing) in [("%5B", "%5D"), ("[", "]")]
      where host.hasPrefix(opening) && host.hasSuffix(closing) {
        return String(host.dropFirst(opening.utf8.count).dropLast(closing.utf8.count))
      }
    }
    return ""
  }
}
