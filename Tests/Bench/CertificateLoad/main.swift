// SPDX-License-Identifier: Apache-2.0

import Cryptography
import EnvoyAPI
import GRPC
import Glibc
import StateDirectory
import Synchronization

/// Callers that ask a certificate authority for certificates, as fast as it gives them.
///
/// `certload --addr HOST:PORT --roots FILE --token FILE [--connections 8] [--seconds 10]` takes a
/// certificate by the token, and then asks by it: one request at a time on each connection. It says in
/// a line of JSON how many certificates a second there were, and how long each took.
private struct Options {
  var address = ""
  var roots = ""
  var token = ""
  var connections = 8
  var seconds = 10

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let flag = rest.popFirst() {
      guard let value = rest.popFirst() else { throw CryptographyError("\(flag) wants a value") }
      switch flag {
      case "--addr": address = value
      case "--roots": roots = String(decoding: try FileBytes.read(value), as: UTF8.self)
      case "--token":
        token = String(decoding: try FileBytes.read(value), as: UTF8.self)
          .filter { !$0.isWhitespace }
      case "--connections": connections = Int(value) ?? 8
      case "--seconds": seconds = Int(value) ?? 10
      default: throw CryptographyError("\(flag) is not understood")
      }
    }
  }
}

private func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDOUT_FILENO, bytes, bytes.count)
}

private let path = "/istio.v1.auth.IstioCertificateService/CreateCertificate"

private func channel(_ options: Options, _ identity: TLSIdentity?) throws -> GRPCChannel {
  var configuration = GRPCChannelConfiguration()
  configuration.waitForReady = true
  return try GRPCChannel(
    options.address,
    credentials: .tls(
      rootsPEM: options.roots, identity: identity, serverName: "istiod.istio-system.svc"),
    configuration: configuration)
}

private func chain(_ reply: GRPCMessage) throws -> [String] {
  try reply.array.withUnsafeBytes { buffer throws(WireError) in
    try Arena.scope { arena throws(WireError) in
      Array(try Envoy.IstioCertificateResponse(unpacking: buffer, in: arena).certChain)
    }
  }
}

/// Asks again and again until the time is over; how long each answer took.
private func ask(
  _ channel: GRPCChannel, _ request: GRPCMessage, until end: ContinuousClock.Instant
) async throws -> [Duration] {
  var times: [Duration] = []
  while ContinuousClock.now < end {
    let began = ContinuousClock.now
    _ = try await channel.unary(path, request, deadline: .now + .seconds(30))
    times.append(ContinuousClock.now - began)
  }
  return times
}

private func measure(_ options: Options) async throws {
  let key = try PrivateKey(generating: .p256)
  let csr = try CertificateRequest(for: key).pem
  let request = Arena.scope { arena in
    GRPCMessage(
      Envoy.IstioCertificateRequest(arena) {
        $0.csr = Array(csr.utf8)
        $0.validityDuration = 86_400
      }.packed)
  }
  let first = try channel(options, nil)
  let given = try chain(
    try await first.unary(
      path, request, metadata: ["authorization": "Bearer \(options.token)"],
      deadline: .now + .seconds(30)))
  let identity = TLSIdentity(
    certificateChainPEM: given.dropLast().joined(), privateKeyPEM: try key.pem())
  let channels = try (0..<options.connections).map { _ in try channel(options, identity) }
  for channel in channels { _ = try await channel.unary(path, request) }
  let began = ContinuousClock.now
  let end = began + .seconds(options.seconds)
  let times = try await withThrowingTaskGroup(of: [Duration].self) { group in
    for channel in channels { group.addTask { try await ask(channel, request, until: end) } }
    var all: [Duration] = []
    for try await part in group { all += part }
    return all.sorted()
  }
  let seconds = (ContinuousClock.now - began) / .seconds(1)
  let at = { (part: Double) in
    let time = times[min(times.count - 1, Int(Double(times.count) * part))]
    return ((time / .microseconds(1)) / 10).rounded() / 100
  }
  say(
    "{\"certificates_per_second\": \(Int(Double(times.count) / seconds)), \"count\": \(times.count), "
      + "\"p50_ms\": \(at(0.5)), \"p99_ms\": \(at(0.99))}")
}

do {
  try await measure(try Options(Array(CommandLine.arguments.dropFirst())))
} catch {
  say("{\"error\": \"\(error)\"}")
  exit(2)
}
