// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

/// What the agent itself asks the control plane for on Envoy's stream.
///
/// That is the table of names (NDS) and further roots (PCDS); Envoy gets none of it.
struct AgentSubscriptions: Sendable {
  /// What takes a resource of a type: throws why it cannot be used.
  typealias Handler = @Sendable (_ resource: [UInt8]) throws -> Void

  private let face: StreamMachine.Face
  private let handlers: [(type: ResourceType, handle: Handler)]

  /// Subscriptions on streams of one face of xDS.
  init(_ face: StreamMachine.Face, _ handlers: [(type: ResourceType, handle: Handler)]) {
    self.face = face
    self.handlers = handlers
  }

  /// Whether a request of Envoy is the one after which the agent asks too, as Istio's does: by then the
  /// control plane knows the node.
  func follows(_ request: [UInt8]) -> Bool {
    WireFields(request).text(face == .delta ? 2 : 4) == ResourceType.listener.url
  }

  /// The first requests.
  var requests: [[UInt8]] { handlers.map { request($0.type) } }

  /// The answer to a response that is the agent's own; nil for one that is Envoy's.
  func acknowledgement(of response: [UInt8]) -> [UInt8]? {
    let fields = WireFields(response)
    guard let handler = handlers.first(where: { $0.type.url == fields.text(4) }) else { return nil }
    var problem: String?
    // Field 2 is the resources: `Any` as such, or a `Resource` of which it is field 2.
    if let resource = fields.bytes(2) {
      let any = face == .delta ? WireFields(resource).bytes(2) ?? [] : resource
      do { try handler.handle(WireFields(any).bytes(2) ?? []) } catch { problem = "\(error)" }
    }
    return request(
      handler.type, version: fields.text(1) ?? "", nonce: fields.text(5) ?? "", problem: problem)
  }

  private func request(
    _ type: ResourceType, version: String = "", nonce: String = "", problem: String? = nil
  ) -> [UInt8] {
    // `DiscoveryRequest` and `DeltaDiscoveryRequest` differ in their fields' numbers.
    var writer = WireWriter()
    let isDelta = face == .delta
    if !isDelta, !version.isEmpty, problem == nil { writer.string(field: 1, version) }
    writer.string(field: isDelta ? 2 : 4, type.url)
    if !nonce.isEmpty { writer.string(field: isDelta ? 6 : 5, nonce) }
    if let problem {
      var status = WireWriter()
      status.integer(field: 1, 13)
      status.string(field: 2, problem)
      writer.field(isDelta ? 7 : 6, status.bytes)
    }
    return writer.bytes
  }
}

/// The first fields of a message, looked at without unpacking the rest.
struct WireFields {
  private let message: [UInt8]

  init(_ message: [UInt8]) { self.message = message }

  /// The first field of a number that has a length; nil where there is none, or no message.
  func bytes(_ number: Int) -> [UInt8]? {
    var position = 0
    while position < message.count {
      guard let tag = varint(&position) else { return nil }
      switch tag & 7 {
      case 0: guard varint(&position) != nil else { return nil }
      case 1: position += 8
      case 5: position += 4
      case 2:
        guard let length = varint(&position), length <= UInt64(message.count - position) else {
          return nil
        }
        let end = position + Int(length)
        if tag >> 3 == UInt64(number) { return Array(message[position..<end]) }
        position = end
      default: return nil
      }
    }
    return nil
  }

  /// The same as text.
  func text(_ number: Int) -> String? { bytes(number).map { String(decoding: $0, as: UTF8.self) } }

  private func varint(_ position: inout Int) -> UInt64? {
    var (value, shift) = (UInt64(0), UInt64(0))
    while position < message.count, shift < 64 {
      let byte = message[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
