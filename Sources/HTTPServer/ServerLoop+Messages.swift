// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CEvent

extension HTTPMethod {
  /// evhttp's name for the method.
  var command: evhttp_cmd_type {
    switch self {
    case .get: EVHTTP_REQ_GET
    case .head: EVHTTP_REQ_HEAD
    case .post: EVHTTP_REQ_POST
    case .put: EVHTTP_REQ_PUT
    case .patch: EVHTTP_REQ_PATCH
    case .delete: EVHTTP_REQ_DELETE
    case .options: EVHTTP_REQ_OPTIONS
    }
  }
}

extension HTTPRequest {
  /// A copy of what evhttp read; nil if its target cannot be understood.
  init?(_ request: OpaquePointer, _ connection: OpaquePointer) {
    let command = evhttp_request_get_command(request)
    guard let method = HTTPMethod.allCases.first(where: { $0.command == command }),
      let target = evhttp_request_get_uri(request)
    else { return nil }
    self.init(
      method, String(cString: target), headers: readHeaders(request), body: readBody(request),
      peer: readPeer(connection))
  }
}

private func readHeaders(_ request: OpaquePointer) -> HTTPHeaders {
  var headers = HTTPHeaders()
  var next = evhttp_request_get_input_headers(request)?.pointee.tqh_first
  while let field = next?.pointee {
    headers.add(String(cString: field.key), String(cString: field.value))
    next = field.next.tqe_next
  }
  return headers
}

private func readBody(_ request: OpaquePointer) -> [UInt8] {
  guard let buffer = evhttp_request_get_input_buffer(request) else { return [] }
  let count = evbuffer_get_length(buffer)
  return [UInt8](unsafeUninitializedCapacity: count) { memory, filled in
    filled = max(0, Int(evbuffer_remove(buffer, memory.baseAddress, count)))
  }
}

private func readPeer(_ connection: OpaquePointer) -> HTTPPeer {
  var address: UnsafeMutablePointer<CChar>?
  var port: UInt16 = 0
  evhttp_connection_get_peer(connection, &address, &port)
  return HTTPPeer(address: address.map { String(cString: $0) } ?? "", port: port)
}

/// Hands an answer to evhttp, which takes the request with it.
func send(_ response: HTTPResponse, to request: OpaquePointer, isHead: Bool) {
  let headers = evhttp_request_get_output_headers(request)
  for (name, value) in response.headers.fields { evhttp_add_header(headers, name, value) }
  if evhttp_find_header(headers, "Content-Type") == nil, !response.body.isEmpty {
    evhttp_add_header(headers, "Content-Type", "application/octet-stream")
  }
  let hasBody = response.status >= 200 && response.status != 204 && response.status != 304
  if hasBody, evhttp_find_header(headers, "Content-Length") == nil {
    evhttp_add_header(headers, "Content-Length", String(response.bodyCount))
  }
  let buffer = hasBody && !isHead ? evbuffer_new() : nil
  defer { if let buffer { evbuffer_free(buffer) } }
  if let buffer {
    for slice in response.body where slice.count > 0 { append(slice, to: buffer) }
  }
  evhttp_send_reply(request, Int32(response.status), reason(response.status), buffer)
}

/// Lends the slice's bytes to the buffer, which gives its owner back when they are sent.
private func append(_ slice: ByteSlice, to buffer: OpaquePointer) {
  let owner = Unmanaged.passRetained(slice.owner)
  let start = slice.owner.baseAddress + slice.offset
  if evbuffer_add_reference(buffer, start, slice.count, releaseOwner, owner.toOpaque()) != 0 {
    owner.release()
  }
}

private func releaseOwner(_: UnsafeRawPointer?, _: Int, _ owner: UnsafeMutableRawPointer?) {
  if let owner { Unmanaged<SharedBytes>.fromOpaque(owner).release() }
}

/// The phrase beside the status code, which clients do not read; nil lets evhttp choose.
private func reason(_ status: Int) -> String? {
  switch status {
  case 403: "Forbidden"
  case 409: "Conflict"
  case 415: "Unsupported Media Type"
  case 429: "Too Many Requests"
  default: nil
  }
}
