// SPDX-License-Identifier: Apache-2.0
//
// Owner: the caller's stream. Threads: any. Freed: with the stream, which cancels the call where
// it has not ended; the C call lives as long as the operations under way.

import CGRPC

/// A call over a channel.
final class ClientCall: ClientCallBackend {
  private let call: CallHandle
  /// Retained, as the end of the channel would fail a call that has no connection yet.
  private let channel: GRPCChannel
  private let slot = ReadSlot()
  private let end = OneShot<GRPCStatus>()

  /// Begins a call: sends the headers, and asks for the status.
  init(_ channel: GRPCChannel, _ call: CallHandle, _ metadata: GRPCMetadata, waitForReady: Bool) {
    self.channel = channel
    self.call = call
    if let refusal = OpenOperation.start(call, metadata, waitForReady: waitForReady) {
      end.fulfil(refusal)
      call.cancel()
    } else {
      ReceiveStatusOperation.start(call, end)
    }
  }

  deinit { if end.current == nil { call.cancel() } }

  func read() async -> ReadOutcome {
    if let status = end.current, !status.isOK { return .failure(status) }
    let outcome = await cancelling { await slot.next { ReceiveOperation.start(call, slot) } }
    if case .success(.some) = outcome { return outcome }
    if case .failure(let error) = outcome, error.code == .internal { return outcome }
    let status = await status()
    return status.isOK ? .success(nil) : .failure(status)
  }

  func write(_ message: GRPCMessage) async -> WriteOutcome {
    await send { await SendOperation.run(call, message: message, []) }
  }

  func finishWriting() async -> WriteOutcome {
    var operation = grpc_op()
    operation.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT
    return await send { await SendOperation.run(call, [operation]) }
  }

  func status() async -> GRPCStatus { await cancelling { await end.wait() } }

  func cancel() { call.cancel() }

  private func send(_ run: () async -> Result<Bool, GRPCStatus>) async -> WriteOutcome {
    if let status = end.current { return .failure(status.isOK ? ClientCall.ended : status) }
    let sent = await cancelling(run)
    return sent.flatMap { accepted in
      if accepted { return .success(()) }
      let status = end.current ?? ClientCall.ended
      return .failure(status.isOK ? ClientCall.ended : status)
    }
  }

  private func cancelling<R>(_ body: () async -> R) async -> R {
    await withTaskCancellationHandler(operation: body) { call.cancel() }
  }

  private static let ended = GRPCStatus(.cancelled, "the call has ended")
}

/// A call that failed before it began.
final class FailedCall: ClientCallBackend {
  private let reason: GRPCStatus

  /// A call that ended with a status.
  init(_ reason: GRPCStatus) { self.reason = reason }

  func read() async -> ReadOutcome { .failure(reason) }
  func write(_ message: GRPCMessage) async -> WriteOutcome { .failure(reason) }
  func finishWriting() async -> WriteOutcome { .failure(reason) }
  func status() async -> GRPCStatus { reason }
  func cancel() {}
}
