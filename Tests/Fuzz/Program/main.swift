// SPDX-License-Identifier: Apache-2.0

import CFuzzer
import EnvoyAPI
import Glibc
import JSON
import StateDirectory
import YAML

@testable import Authentication
@testable import Cryptography

/// What reads bytes that strangers send or write, under libFuzzer: `fuzz READER FOLDER [FLAGS]` takes
/// inputs from the folder, and keeps there what leads to new ways through the code.
///
/// A reader may refuse whatever it likes; it may not crash, hang, or believe what OpenSSL would not.
private enum Reader: String, CaseIterable {
  case csr, certificate, token, keys, forwarded, sotw, delta, json, yaml

  func read(_ bytes: [UInt8]) {
    switch self {
    case .csr: Reader.request(bytes)
    case .certificate:
      guard let list = try? Certificate.list(pem: bytes) else { return }
      for certificate in list { _ = (certificate.uris, certificate.dnsNames, certificate.serial) }
    case .token: _ = try? JSONWebToken(String(decoding: bytes, as: UTF8.self))
    case .keys: _ = try? TokenKeySet(jwks: bytes)
    case .forwarded: _ = ForwardedCertificates(String(decoding: bytes, as: UTF8.self))
    case .sotw: Reader.discovery(bytes, Envoy.DiscoveryRequest.self) { ($0.node, $0.typeUrl) }
    case .delta: Reader.discovery(bytes, Envoy.DeltaDiscoveryRequest.self) { ($0.node, $0.typeUrl) }
    case .json: Reader.json(bytes)
    case .yaml: _ = YAML.documents(in: bytes)
    }
  }

  /// What is taken without OpenSSL's decoders they take too, and say the same.
  private static func request(_ bytes: [UInt8]) {
    guard let key = try? SubjectKey(provenBy: bytes) else { return }
    let other = try? SubjectKey(CertificateRequest(bytes).provenKey())
    precondition(other == key, "what is taken without OpenSSL's decoders they take too")
  }

  private static func discovery<Message: ProtobufMessage>(
    _ bytes: [UInt8], _ kind: Message.Type, _ parts: (Message) -> (node: Envoy.Node?, type: String)
  ) {
    try? bytes.withUnsafeBytes { buffer throws(WireError) in
      try Arena.scope { arena throws(WireError) in
        let (node, type) = parts(try Message(unpacking: buffer, in: arena))
        _ = (node?.id, node?.metadata, node?.locality?.region, type)
      }
    }
  }

  /// What is read is written so that it is read again as the same.
  private static func json(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes) else { return }
    let again = try? JSONValue(parsing: value.utf8(.compact))
    precondition(again == value, "what was read is written as the same")
  }

  /// Inputs to begin with.
  func seeds() throws -> [[UInt8]] {
    let key = try PrivateKey(generating: .p256)
    switch self {
    case .csr:
      let request = try CertificateRequest(for: key)
      return [request.der, Array(request.pem.utf8)]
    case .certificate:
      var template = CertificateTemplate(notBefore: 0, notAfter: 4_000_000_000)
      template.names = [.uri("spiffe://cluster.local/ns/a/sa/b"), .dns("b.a.svc")]
      let made = try Certificate(template, for: key.publicKey(), issuer: nil, key: key)
      return [Array(made.pem.utf8)]
    case .token:
      let claims = JSONObject(distinct: [.init("iss", "a"), .init("exp", .integer(1))])
      return [Array(try JSONWebToken.make(claims, keyID: "k", key: key).utf8)]
    case .keys: return [try TokenKeySet(key.publicKey(), id: "k").jwks().utf8()]
    case .forwarded:
      return [Array("By=a;Subject=\"CN=\\\"b\";URI=spiffe://c/ns/a/sa/b,Hash=1".utf8)]
    case .sotw:
      return [
        Arena.scope { arena in
          Envoy.DiscoveryRequest(arena) { request in
            request.typeUrl = ResourceType.cluster.url
            request.node = Reader.node(arena)
            request.resourceNames.append("a")
          }.packed
        }
      ]
    case .delta:
      return [
        Arena.scope { arena in
          Envoy.DeltaDiscoveryRequest(arena) { request in
            request.typeUrl = ResourceType.cluster.url
            request.node = Reader.node(arena)
            request.resourceNamesSubscribe.append("*")
          }.packed
        }
      ]
    case .json: return [Array(#"{"a":[1,-2.5e3,"\u00e9\n",true,null,{}]}"#.utf8)]
    case .yaml:
      return [Array("a: &x [1, 'b', \"c\\n\"]\nd: |\n  e\n<<: {f: *x}\n---\n- 0x1\n".utf8)]
    }
  }

  private static func node(_ arena: Arena) -> Envoy.Node {
    Envoy.Node(arena) { node in
      node.id = "sidecar~10.0.0.1~web-1.default~default.svc.cluster.local"
      node.metadata = JSONObject(distinct: [.init("NAMESPACE", "default")])
    }
  }
}

private func complain(_ text: String) -> Never {
  let bytes = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
  exit(2)
}

// SAFETY: it is set before the first input, and by nobody else.
nonisolated(unsafe) private var chosen = Reader.json

private func run() throws -> Int32 {
  let arguments = CommandLine.arguments
  guard arguments.count >= 3, let reader = Reader(rawValue: arguments[1]) else {
    complain("fuzz \(Reader.allCases.map(\.rawValue).joined(separator: "|")) FOLDER [FLAGS]")
  }
  chosen = reader
  for (number, seed) in try reader.seeds().enumerated() {
    try FileBytes.replace("\(arguments[2])/seed-\(number)", seed)
  }
  var words: [UnsafeMutablePointer<CChar>?] = ([arguments[0]] + arguments[2...]).map { strdup($0) }
  var count = Int32(words.count)
  words.append(nil)
  return words.withUnsafeMutableBufferPointer { buffer in
    var start = buffer.baseAddress
    return LLVMFuzzerRunDriver(&count, &start) { bytes, count in
      chosen.read(Array(UnsafeBufferPointer(start: bytes, count: count)))
      return 0
    }
  }
}

do {
  exit(try run())
} catch {
  complain("\(error)")
}
