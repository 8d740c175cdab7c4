// SPDX-License-Identifier: Apache-2.0

/// Sends each request to the handler of its path and method.
///
/// A path that is registered whole wins over prefixes, and a longer prefix over a shorter one.
/// HEAD is answered by GET's handler; a path without the method gets 405 with `Allow`.
public struct HTTPRouter: Sendable {
  private typealias Methods = [HTTPMethod: HTTPHandler]
  private var exact: [String: Methods] = [:]
  private var prefixes: [String: Methods] = [:]

  /// A router that answers 404.
  public init() {}

  /// Answers `method` on `path` by `handler`.
  public mutating func on(
    _ method: HTTPMethod, _ path: String, _ handler: @escaping HTTPHandler
  ) {
    exact[path, default: [:]][method] = handler
  }

  /// Answers `method` on every path that begins with `prefix`, which ends with a slash.
  public mutating func onPrefix(
    _ method: HTTPMethod, _ prefix: String, _ handler: @escaping HTTPHandler
  ) {
    precondition(prefix.hasSuffix("/"), "the prefix \(prefix) must end with a slash")
    prefixes[prefix, default: [:]][method] = handler
  }

  /// The answer to `request`.
  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard let methods = exact[request.path] ?? longestPrefix(of: request.path) else {
      return .text("404 page not found\n", status: 404)
    }
    let get = request.method == .head ? methods[.get] : nil
    guard let handler = methods[request.method] ?? get else {
      var refusal = HTTPResponse.text("405 method not allowed\n", status: 405)
      refusal.headers["Allow"] = allowed(methods)
      return refusal
    }
    return await handler(request)
  }

  private func longestPrefix(of path: String) -> Methods? {
    prefixes.filter { path.hasPrefix($0.key) }.max { $0.key.count < $1.key.count }?.value
  }

  private func allowed(_ methods: Methods) -> String {
    let implied: [HTTPMethod] = methods[.get] == nil ? [] : [.head]
    return Set(methods.keys.map(\.rawValue) + implied.map(\.rawValue)).sorted()
      .joined(separator: ", ")
  }
}
