// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Authentication

/// What gateways tell of their clients' certificates.
struct ForwardedCertificateTests {
  private static let own = "spiffe://cluster.local/ns/a/sa/b"
  private let authenticator = ForwardedCertificateAuthenticator {
    ["cluster.local"]
  } isTrusted: {
    $0 == "10.0.0.1"
  }

  private func identities(_ header: String?, from address: String = "10.0.0.1") async -> [String] {
    var shown = CallerCredentials()
    shown.forwardedCertificate = header
    shown.address = address
    return (try? await authenticator.authenticate(shown))?.identities.map(\.description) ?? []
  }

  @Test(
    arguments: [
      "URI=\(own)", "By=spiffe://x;Hash=00;Subject=\"\";URI=\(own)", "uri=\"\(own)\"",
      "Hash=ab;Cert=\"-----BEGIN%20CERTIFICATE-----%0A\";Subject=\"CN=a,O=\\\"b;URI=c\\\"\";URI=\(own);DNS=x",
      "By=spiffe://cluster.local/ns/far/sa/far;URI=\(own)",
      "URI=spiffe://far/ns/a/sa/b, URI=\(own)",
    ])
  func `a trusted gateway tells of a name`(header: String) async {
    #expect(await identities(header) == [Self.own])
  }

  @Test func `each certificate of a header counts`() async {
    let second = "spiffe://cluster.local/ns/c/sa/d"
    #expect(await identities("Hash=1;URI=\(Self.own),Hash=2;URI=\(second)") == [Self.own, second])
  }

  @Test(
    arguments: [
      nil, "", "URI", "URI=", "=\(own)", "URI=\"\(own)", "URI=\"\(own)\"x", "Other=1;URI=\(own)",
      "URI=\(own);", "URI=\(own),", "Subject=\"a\\", "URI=\(own)\"", "URI=spiffe://far/ns/a/sa/b",
      "Subject=\"URI=\(own)\"", "DNS=\(own)", "By=\(own)",
    ])
  func `what is not written so proves nothing`(header: String?) async {
    #expect(await identities(header) == [])
  }

  @Test(arguments: ["10.0.0.2", "", "10.0.0.1:80", "::ffff:10.0.0.1"])
  func `nobody else is believed`(address: String) async {
    #expect(await identities("URI=\(Self.own)", from: address) == [])
  }

  @Test(
    arguments: [
      ("ipv4:10.0.0.1:4711", "10.0.0.1"), ("ipv6:%5B::1%5D:4711", "::1"),
      ("ipv6:[fd00::1]:1", "fd00::1"), ("unix:/tmp/x:1", ""), ("ipv4:10.0.0.1", ""), ("", ""),
      ("ipv6:fd00::1", ""),
    ])
  func `a peer's name has its address`(peer: String, address: String) {
    #expect(CallerCredentials.address(ofPeer: peer) == address)
  }
}
