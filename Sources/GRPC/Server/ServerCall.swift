// SPDX-License-Identifier: Apache-2.0
//
// Owner: the handler's stream and the operations under way. Threads: any. Freed: with the last
// of them; the C call lives as long as the handle.

import CGRPC
import Synchronization

/// A call that arrived over a socket.
final class ServerCall: ServerCallBackend {
  let caller: Caller
  let closed = OneShot<Bool>()
  private let call: CallHandle
  private let slot = ReadSlot()
  private let maxMessageSize: Int
  private let headersSent = Mutex(false)

  /// Takes a call over and watches for its end.
  init(_ call: CallHandle, _ caller: Caller, maxMessageSize: Int) {
    self.maxMessageSize = maxMessageSize
    self.call = call
    self.caller = caller
    ReceiveCloseOperation.start(call, closed)
  }

  func read() async -> ReadOutcome {
    await slot.next { ReceiveOperation.start(call, slot, limit: maxMessageSize) }
  }

  func write(_ message: GRPCMessage) async -> WriteOutcome {
    if closed.current != nil { return .failure(ServerCall.gone) }
    let sent = await withTaskCancellationHandler {
      await SendOperation.run(call, message: message, headers())
    } onCancel: {
      call.cancel()
    }
    return sent.flatMap { $0 ? .success(()) : .failure(ServerCall.gone) }
  }

  func finish(_ end: CallEnd) async {
    if closed.current != nil { return }
    let status = end.status
    let details = UnsafeMutablePointer<grpc_slice>.allocate(capacity: 1)
    details.initialize(to: copiedSlice(status.message))
    var operation = grpc_op()
    operation.op = GRPC_OP_SEND_STATUS_FROM_SERVER
    operation.data.send_status_from_server.status = grpc_status_code(Int32(status.code.rawValue))
    operation.data.send_status_from_server.status_details = details
    let sent = await SendOperation.run(call, message: end.message, headers() + [operation])
    grpc_slice_unref(details.pointee)
    details.deallocate()
    if case .failure(let refusal) = sent { call.cancel(refusal) }
  }

  /// Ends a call that nobody will answer.
  func drop() { call.cancel(GRPCStatus(.unavailable, "the server is shutting down")) }

  /// The server's headers, which go out with the first batch that sends.
  private func headers() -> [grpc_op] {
    let first = headersSent.withLock { sent in
      defer { sent = true }
      return !sent
    }
    var operation = grpc_op()
    operation.op = GRPC_OP_SEND_INITIAL_METADATA
    return first ? [operation] : []
  }

  private static let gone = GRPCStatus(.cancelled, "the call was cancelled")
}

/// What the TLS handshake and the socket tell of a call's peer.
enum CallPeer {
  /// The peer's address.
  static func address(_ call: OpaquePointer) -> String {
    guard let text = grpc_call_get_peer(call) else { return "" }
    defer { gpr_free(text) }
    return String(cString: text)
  }

  /// The peer's leaf certificate, PEM.
  static func certificate(_ call: OpaquePointer) -> String? {
    guard let context = grpc_call_auth_context(call) else { return nil }
    defer { grpc_auth_context_release(context) }
    // The iterator keeps the name's address, so that the name must outlive it.
    return GRPC_X509_PEM_CERT_PROPERTY_NAME.withCString { name in
      var properties = grpc_auth_context_find_properties_by_name(context, name)
      guard let property = grpc_auth_property_iterator_next(&properties)?.pointee,
        let value = property.value
      else { return nil }
      let buffer = UnsafeRawBufferPointer(start: value, count: property.value_length)
      return String(decoding: buffer, as: UTF8.self)
    }
  }
}
