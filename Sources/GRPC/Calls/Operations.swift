// SPDX-License-Identifier: Apache-2.0
//
// Owner: an operation's object owns the memory that C writes, and retains the call. Threads:
// started from any, completed by the queue's. Freed: when the queue's thread is done with the tag.

import CGRPC

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// A batch that only sends: its end resumes the writer.
final class SendOperation: Completion, @unchecked Sendable {
  private let call: CallHandle
  private let buffer: UnsafeMutablePointer<grpc_byte_buffer>?
  private let continuation: CheckedContinuation<Bool, Never>

  private init(
    _ call: CallHandle, _ buffer: UnsafeMutablePointer<grpc_byte_buffer>?,
    _ continuation: CheckedContinuation<Bool, Never>
  ) {
    self.call = call
    self.buffer = buffer
    self.continuation = continuation
  }

  deinit {
    if let buffer { grpc_byte_buffer_destroy(buffer) }
  }

  override func complete(success: Bool) { continuation.resume(returning: success) }

  /// Starts a batch that sends a message or none, besides `others`; true when core accepted it.
  static func run(
    _ call: CallHandle, message: GRPCMessage? = nil, _ others: [grpc_op]
  ) async -> Result<Bool, GRPCStatus> {
    let buffer = message.flatMap(makeByteBuffer)
    var operations = others
    if let buffer { operations.append(sendMessage(buffer)) }
    var refusal: GRPCStatus?
    let success = await withCheckedContinuation { continuation in
      refusal = call.start(operations, SendOperation(call, buffer, continuation))
      if refusal != nil { continuation.resume(returning: false) }
    }
    if let refusal { return .failure(refusal) }
    return .success(success)
  }

  private static func sendMessage(_ buffer: UnsafeMutablePointer<grpc_byte_buffer>) -> grpc_op {
    var operation = grpc_op()
    operation.op = GRPC_OP_SEND_MESSAGE
    operation.data.send_message.send_message = buffer
    return operation
  }
}

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// A batch that receives one message, or `nil` at the end.
final class ReceiveOperation: Completion, @unchecked Sendable {
  private let call: CallHandle
  private let buffer: UnsafeMutablePointer<UnsafeMutablePointer<grpc_byte_buffer>?>
  private let slot: ReadSlot
  private let limit: Int

  private init(_ call: CallHandle, _ slot: ReadSlot, limit: Int) {
    self.call = call
    self.slot = slot
    self.limit = limit
    buffer = .allocate(capacity: 1)
    buffer.initialize(to: nil)
  }

  deinit {
    if let message = buffer.pointee { grpc_byte_buffer_destroy(message) }
    buffer.deallocate()
  }

  /// Starts a read, whose end goes to the slot; a message of more than `limit` bytes ends the call.
  static func start(_ call: CallHandle, _ slot: ReadSlot, limit: Int = .max) {
    let completion = ReceiveOperation(call, slot, limit: limit)
    var operation = grpc_op()
    operation.op = GRPC_OP_RECV_MESSAGE
    operation.data.recv_message.recv_message = completion.buffer
    if let refusal = call.start([operation], completion) { slot.complete(.failure(refusal)) }
  }

  override func complete(success: Bool) { slot.complete(outcome(success)) }

  private func outcome(_ success: Bool) -> ReadOutcome {
    guard success, let message = buffer.pointee else {
      let failed = !success || grpc_call_failed_before_recv_message(call.pointer) != 0
      return failed ? .failure(GRPCStatus(.cancelled, "the call was cancelled")) : .success(nil)
    }
    do throws(GRPCStatus) {
      return .success(try readByteBuffer(message, limit: limit))
    } catch {
      call.cancel(error)
      return .failure(error)
    }
  }
}

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// The operation that ends with a server's call, and tells whether it was cut short.
final class ReceiveCloseOperation: Completion, @unchecked Sendable {
  private let call: CallHandle
  private let cancelled: UnsafeMutablePointer<Int32>
  private let closed: OneShot<Bool>

  private init(_ call: CallHandle, _ closed: OneShot<Bool>) {
    self.call = call
    self.closed = closed
    cancelled = .allocate(capacity: 1)
    cancelled.initialize(to: 0)
  }

  deinit { cancelled.deallocate() }

  /// Starts it; `closed` gets true where the client or the connection went away first.
  static func start(_ call: CallHandle, _ closed: OneShot<Bool>) {
    let completion = ReceiveCloseOperation(call, closed)
    var operation = grpc_op()
    operation.op = GRPC_OP_RECV_CLOSE_ON_SERVER
    operation.data.recv_close_on_server.cancelled = completion.cancelled
    if call.start([operation], completion) != nil { closed.fulfil(true) }
  }

  override func complete(success: Bool) { closed.fulfil(cancelled.pointee != 0) }
}

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// The operation that ends with a client's call, and brings its status.
final class ReceiveStatusOperation: Completion, @unchecked Sendable {
  private struct Memory {
    var trailers = grpc_metadata_array()
    var code = GRPC_STATUS_UNKNOWN
    var details = grpc_empty_slice()
  }

  private let call: CallHandle
  private let memory: UnsafeMutablePointer<Memory>
  private let status: OneShot<GRPCStatus>

  private init(_ call: CallHandle, _ status: OneShot<GRPCStatus>) {
    self.call = call
    self.status = status
    memory = .allocate(capacity: 1)
    memory.initialize(to: Memory())
    grpc_metadata_array_init(&memory.pointee.trailers)
  }

  deinit {
    grpc_metadata_array_destroy(&memory.pointee.trailers)
    grpc_slice_unref(memory.pointee.details)
    memory.deallocate()
  }

  /// Starts it; `status` gets the call's status in any case.
  static func start(_ call: CallHandle, _ status: OneShot<GRPCStatus>) {
    let completion = ReceiveStatusOperation(call, status)
    var operation = grpc_op()
    operation.op = GRPC_OP_RECV_STATUS_ON_CLIENT
    let memory = completion.memory
    operation.data.recv_status_on_client.trailing_metadata = field(memory, \.trailers)
    operation.data.recv_status_on_client.status = field(memory, \.code)
    operation.data.recv_status_on_client.status_details = field(memory, \.details)
    if let refusal = call.start([operation], completion) { status.fulfil(refusal) }
  }

  private static func field<T>(
    _ memory: UnsafeMutablePointer<Memory>, _ path: WritableKeyPath<Memory, T>
  ) -> UnsafeMutablePointer<T>? {
    guard let offset = MemoryLayout<Memory>.offset(of: path) else { return nil }
    return (UnsafeMutableRawPointer(memory) + offset).assumingMemoryBound(to: T.self)
  }

  override func complete(success: Bool) {
    let code = GRPCStatus.Code(rawValue: Int(memory.pointee.code.rawValue)) ?? .unknown
    status.fulfil(GRPCStatus(code, text(of: memory.pointee.details)))
  }
}

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// A client's first batch: sends its headers and receives the server's, which nobody waits for.
final class OpenOperation: Completion, @unchecked Sendable {
  private let call: CallHandle
  private let headers: UnsafeMutablePointer<grpc_metadata_array>

  private init(_ call: CallHandle) {
    self.call = call
    headers = .allocate(capacity: 1)
    headers.initialize(to: grpc_metadata_array())
    grpc_metadata_array_init(headers)
  }

  deinit {
    grpc_metadata_array_destroy(headers)
    headers.deallocate()
  }

  /// Starts it; returns why the call refuses.
  static func start(
    _ call: CallHandle, _ metadata: GRPCMetadata, waitForReady: Bool
  ) -> GRPCStatus? {
    let completion = OpenOperation(call)
    return withMetadata(metadata) { entries, count in
      var send = grpc_op()
      send.op = GRPC_OP_SEND_INITIAL_METADATA
      if waitForReady { send.flags = waitForReadyFlags }
      send.data.send_initial_metadata.count = count
      send.data.send_initial_metadata.metadata = entries
      var receive = grpc_op()
      receive.op = GRPC_OP_RECV_INITIAL_METADATA
      receive.data.recv_initial_metadata.recv_initial_metadata = completion.headers
      return call.start([send, receive], completion)
    }
  }

  override func complete(success: Bool) {}
}

private let waitForReadyFlags =
  GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET
