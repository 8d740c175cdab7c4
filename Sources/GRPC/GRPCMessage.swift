// SPDX-License-Identifier: Apache-2.0

public import Bytes

/// One message of a call: a list of shared slices, whose bytes follow each other on the wire.
///
/// Sending shares the slices' bytes with gRPC, without a copy; a message received is one slice.
public struct GRPCMessage: Sendable {
  /// The parts, in order.
  public var slices: [ByteSlice]

  /// A message of parts.
  public init(_ slices: [ByteSlice]) { self.slices = slices }

  /// A message of bytes, which are copied once.
  public init(_ bytes: [UInt8]) { slices = [ByteSlice(SharedBytes(bytes))] }

  /// A message of no bytes.
  public static let empty = GRPCMessage([ByteSlice]())

  /// The number of bytes.
  public var count: Int { slices.reduce(0) { $0 + $1.count } }

  /// A copy of the bytes as one array.
  public var array: [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(count)
    for slice in slices { slice.withUnsafeBytes { all.append(contentsOf: $0) } }
    return all
  }
}

/// The messages that the peer sends in a call, until it is done with sending.
///
/// The next message is read from the transport when the consumer asks for it, so that a slow
/// consumer holds back the peer. One consumer at a time. Ends at the peer's half-close; throws the
/// status when the call is cancelled, its deadline passes or the connection is lost.
public struct GRPCMessageSequence: AsyncSequence, Sendable {
  /// The elements are messages.
  public typealias Element = GRPCMessage
  /// The errors are statuses.
  public typealias Failure = GRPCStatus

  let reader: any MessageReader

  /// Asks for one message after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let reader: any MessageReader

    /// The next message, or `nil` when the peer is done with sending.
    public mutating func next() async throws(GRPCStatus) -> GRPCMessage? {
      try await reader.read().get()
    }

    /// The next message, or `nil` when the peer is done with sending.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(GRPCStatus) -> GRPCMessage? {
      try await reader.read().get()
    }
  }

  /// An iterator; all iterators of one call take from the same messages.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }
}

/// The messages of the client, as the server's handler reads them.
public typealias GRPCRequestSequence = GRPCMessageSequence

/// The messages of the server, as the client reads them.
public typealias GRPCResponseSequence = GRPCMessageSequence

/// What a read ends with: a message, the end, or why there is none.
typealias ReadOutcome = Result<GRPCMessage?, GRPCStatus>

/// What a write ends with.
typealias WriteOutcome = Result<Void, GRPCStatus>

/// The reading side of a call, over whatever transport.
protocol MessageReader: AnyObject, Sendable {
  func read() async -> ReadOutcome
}
