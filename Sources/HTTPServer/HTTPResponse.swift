// SPDX-License-Identifier: Apache-2.0

public import Bytes

/// The answer to a request.
public struct HTTPResponse: Sendable {
  /// The status code.
  public var status: Int
  /// The header fields; Content-Length and Date are added when it is sent.
  public var headers: HTTPHeaders
  /// The body in pieces, which are sent from where they lie.
  public var body: [ByteSlice]

  /// An answer from its parts.
  public init(status: Int, headers: HTTPHeaders = [:], body: [ByteSlice] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// An answer whose body is `bytes`, copied once.
  public init(status: Int = 200, contentType: String, bytes: [UInt8]) {
    let body = bytes.isEmpty ? [] : [ByteSlice(SharedBytes(bytes))]
    self.init(status: status, headers: ["Content-Type": contentType], body: body)
  }

  /// An answer whose body is text.
  public static func text(
    _ text: String, status: Int = 200, contentType: String = "text/plain; charset=utf-8"
  ) -> HTTPResponse {
    HTTPResponse(status: status, contentType: contentType, bytes: Array(text.utf8))
  }

  /// The number of bytes of the body.
  public var bodyCount: Int { body.reduce(0) { $0 + $1.count } }

  /// A copy of the body.
  public var bodyBytes: [UInt8] { body.flatMap { $0.withUnsafeBytes { Array($0) } } }
}

/// What answers requests; called on Swift's threads, many at a time.
public typealias HTTPHandler = @Sendable (HTTPRequest) async -> HTTPResponse
