// SPDX-License-Identifier: Apache-2.0
//
// Owner: gRPC's core, through the tag, until a client calls or the server shuts down. Threads:
// started from any, completed by the queue's. Freed: when the queue's thread is done with the tag.

import CGRPC

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// A request for one call, which core answers when a client makes it, or at shutdown.
final class RequestOperation: Completion, @unchecked Sendable {
  private let queue: CompletionQueue
  private let maxMessageSize: Int
  private let accept: @Sendable (ServerCall) -> Void
  private let call: UnsafeMutablePointer<OpaquePointer?>
  private let details: UnsafeMutablePointer<grpc_call_details>
  private let metadata: UnsafeMutablePointer<grpc_metadata_array>

  private init(
    _ queue: CompletionQueue, maxMessageSize: Int,
    _ accept: @escaping @Sendable (ServerCall) -> Void
  ) {
    self.queue = queue
    self.maxMessageSize = maxMessageSize
    self.accept = accept
    call = .allocate(capacity: 1)
    call.initialize(to: nil)
    details = .allocate(capacity: 1)
    details.initialize(to: grpc_call_details())
    grpc_call_details_init(details)
    metadata = .allocate(capacity: 1)
    metadata.initialize(to: grpc_metadata_array())
    grpc_metadata_array_init(metadata)
  }

  deinit {
    grpc_call_details_destroy(details)
    grpc_metadata_array_destroy(metadata)
    call.deallocate()
    details.deallocate()
    metadata.deallocate()
  }

  static func start(
    _ server: OpaquePointer, _ queue: CompletionQueue, maxMessageSize: Int,
    _ accept: @escaping @Sendable (ServerCall) -> Void
  ) {
    let request = RequestOperation(queue, maxMessageSize: maxMessageSize, accept)
    let tag = request.retainedTag()
    let result = grpc_server_request_call(
      server, request.call, request.details, request.metadata, queue.pointer, queue.pointer, tag)
    if result != GRPC_CALL_OK { Completion.discard(tag) }
  }

  override func complete(success: Bool) {
    guard success, let call = call.pointee else { return }
    let caller = Caller(
      method: text(of: details.pointee.method), peer: CallPeer.address(call),
      metadata: readMetadata(metadata.pointee), deadline: instant(details.pointee.deadline),
      peerCertificatePEM: CallPeer.certificate(call))
    accept(ServerCall(CallHandle(call, queue: queue), caller, maxMessageSize: maxMessageSize))
  }
}
