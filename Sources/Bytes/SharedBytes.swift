// SPDX-License-Identifier: Apache-2.0

/// Immutable bytes with one owner count: encoded once, sent to many.
///
/// The memory is allocated at initialisation, never written again, and freed by `deinit`, so
/// that a pointer to it may be lent to C for as long as the object is retained.
public final class SharedBytes: Sendable {
  // SAFETY: written before the initialiser returns, only read afterwards, freed by `deinit`.
  private nonisolated(unsafe) let start: UnsafeMutableRawPointer
  /// The number of bytes.
  public let count: Int

  /// Copies the bytes of a buffer.
  public init(copying bytes: UnsafeRawBufferPointer) {
    start = .allocate(byteCount: max(1, bytes.count), alignment: 8)
    if let base = bytes.baseAddress { start.copyMemory(from: base, byteCount: bytes.count) }
    count = bytes.count
  }

  /// Allocates `capacity` bytes, which `fill` writes; it returns how many of them count.
  public init(capacity: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Int) rethrows {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, capacity), alignment: 8)
    do {
      count = try fill(UnsafeMutableRawBufferPointer(start: memory, count: capacity))
      start = memory
    } catch {
      memory.deallocate()
      throw error
    }
  }

  /// Copies the bytes of an array.
  public convenience init(_ bytes: [UInt8]) {
    self.init(capacity: bytes.count) { target in
      target.copyBytes(from: bytes)
      return bytes.count
    }
  }

  deinit { start.deallocate() }

  /// Lends the bytes for the length of a call.
  public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// The address of the first byte, valid while this object is retained.
  public var baseAddress: UnsafeRawPointer { UnsafeRawPointer(start) }

  /// A copy as an array.
  public var array: [UInt8] { withUnsafeBytes { Array($0) } }
}

/// A part of ``SharedBytes``: what a message on the wire is a list of.
public struct ByteSlice: Sendable {
  /// The bytes that this is a part of, kept alive by it.
  public let owner: SharedBytes
  /// The offset of the first byte in `owner`.
  public let offset: Int
  /// The number of bytes.
  public let count: Int

  /// A part of `owner`.
  public init(_ owner: SharedBytes, offset: Int, count: Int) {
    precondition(offset >= 0 && count >= 0 && offset + count <= owner.count)
    self.owner = owner
    self.offset = offset
    self.count = count
  }

  /// The whole of `owner`.
  public init(_ owner: SharedBytes) { self.init(owner, offset: 0, count: owner.count) }

  /// Lends the bytes for the length of a call.
  public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: owner.baseAddress + offset, count: count))
  }
}
