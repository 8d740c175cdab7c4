// SPDX-License-Identifier: Apache-2.0

/// One call as the server's handler sees it: who calls what, its messages, and the way back.
///
/// It holds over sockets and in process alike. When the client cancels, its deadline passes or
/// the connection is lost, reads and writes throw and the handler's task is cancelled.
public struct GRPCServerStream: Sendable {
  /// The method's path, `/package.Service/Method`.
  public let method: String
  /// The peer's address as gRPC writes it (`ipv4:1.2.3.4:5`, `unix:`); never proof of identity.
  public let peer: String
  /// The client's headers.
  public let metadata: GRPCMetadata
  /// When the client gives up; `nil` where it does not.
  public let deadline: ContinuousClock.Instant?
  /// The client's leaf certificate as PEM, verified; `nil` without TLS or certificate.
  public let peerCertificatePEM: String?

  let backend: any ServerCallBackend

  init(_ caller: Caller, backend: any ServerCallBackend) {
    method = caller.method
    peer = caller.peer
    metadata = caller.metadata
    deadline = caller.deadline
    peerCertificatePEM = caller.peerCertificatePEM
    self.backend = backend
  }

  /// The client's messages, until it is done with sending.
  public var requests: GRPCRequestSequence { GRPCRequestSequence(reader: backend) }

  /// Sends a message, and returns when the transport has accepted it.
  ///
  /// A client that does not read holds the writer back. One writer at a time. A cancelled task
  /// cancels the call, as half a message cannot be taken back; one that reads only stops to wait.
  public func write(_ message: GRPCMessage) async throws(GRPCStatus) {
    try await backend.write(message).get()
  }
}

/// What is known of a call when it arrives.
struct Caller: Sendable {
  var method: String
  var peer: String
  var metadata: GRPCMetadata
  var deadline: ContinuousClock.Instant?
  var peerCertificatePEM: String?
}

/// The server's side of a call, over whatever transport.
protocol ServerCallBackend: MessageReader {
  /// Who calls what.
  var caller: Caller { get }
  /// Gets true when the call is cut short, false when it ended as the server wanted.
  var closed: OneShot<Bool> { get }
  /// Sends a message.
  func write(_ message: GRPCMessage) async -> WriteOutcome
  /// Ends the call; returns when the status is accepted, and the message before it.
  func finish(_ end: CallEnd) async
}
