// SPDX-License-Identifier: Apache-2.0

public import HTTPServer

/// The pages below `/debug`: read-only but for the log's levels, answered at once from what the control plane has.
///
/// No page shows a private key. Pages that show configuration are for callers on this machine only.
public struct DebugPages: Sendable {
  private let sources: IntrospectionSources
  private static let byPath = Dictionary(
    uniqueKeysWithValues: DebugPage.all.map { ($0.path, $0) })

  /// The pages of a control plane.
  public init(_ sources: IntrospectionSources) { self.sources = sources }

  /// Answers GET on `/debug` and all that is below it, and PUT where a page can be set.
  public func register(on router: inout HTTPRouter) {
    router.on(.get, "/debug") { respond(to: $0) }
    router.onPrefix(.get, "/debug/") { respond(to: $0) }
    for method in [HTTPMethod.get, .put] {
      router.on(method, "/debug/logging") { respond(to: $0) }
    }
  }

  /// The answer to a request, whatever its method.
  public func respond(to request: HTTPRequest) -> HTTPResponse {
    if request.path == "/debug" || request.path == "/debug/" {
      return IndexPage.respond(to: request, sources)
    }
    guard let page = Self.byPath[request.path] else {
      let names = DebugPage.all.map { "  " + $0.path }.joined(separator: "\n")
      return .refusal(404, "There is no page \(request.path). The pages are:\n\(names)")
    }
    guard !page.isLoopbackOnly || request.peer.isLoopback else {
      return .refusal(
        403, "\(page.path) shows configuration and answers only callers on this machine.")
    }
    return page.respond(request, sources)
  }
}
