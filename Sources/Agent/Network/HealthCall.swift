// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// A health check over gRPC (`grpc.health.v1.Health/Check`) on a connection of its own.
///
/// It speaks just as much HTTP/2 as that takes, since gRPC's own channels cannot choose the address that
/// they connect from, by which the capture of traffic knows a probe.
struct HealthCall: Sendable {
  var address: SocketAddress
  /// The service to ask for; empty for the whole server.
  var service = ""
  var agent = "navarch-agent"
  /// The address to connect from; nil for the system's choice.
  var local: IPAddress?
  var timeout = Duration.seconds(1)

  private enum Frame {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
  }

  /// Whether the service says that it serves.
  func isServing() async -> Bool {
    await AgentThread.value { (try? perform()) ?? false } ?? false
  }

  private func perform() throws(AgentError) -> Bool {
    let connection = try StreamConnection(address, from: local, deadline: .now + timeout)
    guard connection.write(request) else { return false }
    var input: [UInt8] = []
    var body: [UInt8] = []
    while let more = connection.read() {
      input += more
      while let frame = HealthCall.frame(&input) {
        switch frame.kind {
        case Frame.settings where frame.flags & 1 == 0:
          guard connection.write(HealthCall.frame(Frame.settings, flags: 1, stream: 0, [])) else {
            return false
          }
        case Frame.ping where frame.flags & 1 == 0:
          guard connection.write(HealthCall.frame(Frame.ping, flags: 1, stream: 0, frame.payload))
          else { return false }
        case Frame.data:
          body += frame.payload
          if let answer = HealthCall.isServing(body) { return answer }
        case Frame.reset, Frame.goAway: return false
        // Headers that end the stream are a refusal: what answers has data before them.
        case Frame.headers where frame.flags & 1 != 0: return false
        default: break
        }
      }
    }
    return false
  }

  /// The connection's preface, settings, and the one request (RFC 9113, sections 3.4 and 8.1).
  var request: [UInt8] {
    var block: [UInt8] = []
    let fields = [
      (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
      (":authority", address.description), ("content-type", "application/grpc"),
      ("te", "trailers"), ("user-agent", agent),
    ]
    // Literals that are never indexed and not compressed (RFC 7541, section 6.2.3).
    for (name, value) in fields {
      block.append(0x10)
      block += HealthCall.text(name) + HealthCall.text(value)
    }
    var message = WireWriter()
    if !service.isEmpty { message.string(field: 1, service) }
    let size = message.bytes.count
    let body: [UInt8] = [0, 0, 0, UInt8(size >> 8 & 0xff), UInt8(size & 0xff)] + message.bytes
    return Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
      + HealthCall.frame(Frame.settings, flags: 0, stream: 0, [])
      + HealthCall.frame(Frame.headers, flags: 4, stream: 1, block)
      + HealthCall.frame(Frame.data, flags: 1, stream: 1, body)
  }

  private static func text(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
    var rest = bytes.count - 127
    var length: [UInt8] = [127]
    while rest >= 128 {
      length.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return length + [UInt8(rest)] + bytes
  }

  private static func frame(
    _ kind: UInt8, flags: UInt8, stream: UInt8, _ payload: [UInt8]
  ) -> [UInt8] {
    let count = payload.count
    return [UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), kind, flags]
      + [0, 0, 0, stream] + payload
  }

  /// Takes the first frame that is whole.
  private static func frame(
    _ input: inout [UInt8]
  ) -> (kind: UInt8, flags: UInt8, payload: [UInt8])? {
    guard input.count >= 9 else { return nil }
    let count = Int(input[0]) << 16 | Int(input[1]) << 8 | Int(input[2])
    guard input.count >= 9 + count else { return nil }
    defer { input.removeFirst(9 + count) }
    return (input[3], input[4], Array(input[9..<(9 + count)]))
  }

  /// What a `HealthCheckResponse` says, once it is whole: field 1 is 1 where the service serves.
  static func isServing(_ body: [UInt8]) -> Bool? {
    guard body.count >= 5 else { return nil }
    let count = Int(body[3]) << 8 | Int(body[4])
    guard body[1] == 0, body[2] == 0, body.count >= 5 + count else { return nil }
    return body[0] == 0 && Array(body[5..<(5 + count)]) == [8, 1]
  }
}
