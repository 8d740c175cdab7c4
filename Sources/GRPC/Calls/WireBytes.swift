// SPDX-License-Identifier: Apache-2.0
//
// Owner: a slice made here holds a retain of its `SharedBytes`, which gRPC gives back through
// `releaseSharedBytes`, on any of its threads, when the last reference to the slice is gone.
// A byte buffer belongs to who made it, and is destroyed by it.

import Bytes
import CGRPC
import CGRPCShims

/// Gives back the retain of the bytes that a slice shares.
private func releaseSharedBytes(_ context: UnsafeMutableRawPointer?) {
  guard let context else { return }
  Unmanaged<SharedBytes>.fromOpaque(context).release()
}

/// A slice that shares bytes with Swift, which the caller unrefs.
private func sharedSlice(_ slice: ByteSlice) -> grpc_slice {
  grpc_slice_new_with_user_data(
    UnsafeMutableRawPointer(mutating: slice.owner.baseAddress + slice.offset), slice.count,
    releaseSharedBytes, Unmanaged.passRetained(slice.owner).toOpaque())
}

/// A byte buffer that shares a message's bytes, which the caller destroys.
func makeByteBuffer(_ message: GRPCMessage) -> UnsafeMutablePointer<grpc_byte_buffer>? {
  var slices = message.slices.filter { $0.count > 0 }.map(sharedSlice)
  defer { for slice in slices { grpc_slice_unref(slice) } }
  return grpc_raw_byte_buffer_create(&slices, slices.count)
}

/// A received message as one `SharedBytes`; refuses a compressed one, and one that is too long.
func readByteBuffer(
  _ buffer: UnsafeMutablePointer<grpc_byte_buffer>, limit: Int
) throws(GRPCStatus) -> GRPCMessage {
  let length = grpc_byte_buffer_length(buffer)
  guard length <= limit else {
    throw GRPCStatus(
      .resourceExhausted, "a message of \(length) bytes is too long: at most \(limit) are allowed")
  }
  if cgrpc_is_compressed(buffer) != 0 {
    throw GRPCStatus(.unimplemented, "compressed messages are not supported")
  }
  var reader = grpc_byte_buffer_reader()
  guard grpc_byte_buffer_reader_init(&reader, buffer) != 0 else {
    throw GRPCStatus(.internal, "a message received cannot be read")
  }
  defer { grpc_byte_buffer_reader_destroy(&reader) }
  let bytes = SharedBytes(capacity: length) { target in
    fill(target, from: &reader)
  }
  return GRPCMessage([ByteSlice(bytes)])
}

private func fill(
  _ target: UnsafeMutableRawBufferPointer, from reader: inout grpc_byte_buffer_reader
) -> Int {
  var offset = 0
  var slice = grpc_slice()
  while grpc_byte_buffer_reader_next(&reader, &slice) != 0 {
    let count = min(cgrpc_slice_length(&slice), target.count - offset)
    let source = UnsafeRawBufferPointer(start: cgrpc_slice_start(&slice), count: count)
    UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
    offset += count
    grpc_slice_unref(slice)
  }
  return offset
}

/// A copy of text as a slice, which the caller unrefs.
func copiedSlice(_ text: String) -> grpc_slice { copiedSlice(Array(text.utf8)) }

/// A copy of bytes as a slice, which the caller unrefs.
func copiedSlice(_ bytes: [UInt8]) -> grpc_slice {
  bytes.withUnsafeBytes { buffer in
    grpc_slice_from_copied_buffer(
      buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
  }
}

/// The bytes of a slice, which stays the caller's.
func bytes(of slice: grpc_slice) -> [UInt8] {
  withUnsafePointer(to: slice) { pointer in
    Array(
      UnsafeBufferPointer(start: cgrpc_slice_start(pointer), count: cgrpc_slice_length(pointer)))
  }
}

/// The bytes of a slice as text.
func text(of slice: grpc_slice) -> String { String(decoding: bytes(of: slice), as: UTF8.self) }

/// A copy of the headers in a metadata array, which stays the caller's.
func readMetadata(_ array: grpc_metadata_array) -> GRPCMetadata {
  var metadata = GRPCMetadata()
  for entry in UnsafeBufferPointer(start: array.metadata, count: array.count) {
    metadata.add(text(of: entry.key), bytes: bytes(of: entry.value))
  }
  return metadata
}

/// Lends headers as C metadata for the length of a call; gRPC takes its own references.
func withMetadata<R>(
  _ metadata: GRPCMetadata, _ body: (UnsafeMutablePointer<grpc_metadata>?, Int) -> R
) -> R {
  var entries = metadata.entries.map { entry in
    var item = grpc_metadata()
    item.key = copiedSlice(entry.key)
    item.value = copiedSlice(entry.value)
    return item
  }
  defer {
    for entry in entries {
      grpc_slice_unref(entry.key)
      grpc_slice_unref(entry.value)
    }
  }
  return entries.withUnsafeMutableBufferPointer { body($0.baseAddress, $0.count) }
}
