// SPDX-License-Identifier: Apache-2.0

public import HTTPServer

/// The pages below `/debug`: read-only but for the log's levels, answered at once from what the control plane has.
///
/// No page shows a private key. Who sees which is up to ``DebugAccess``.
public struct DebugPages: Sendable {
  private let sources: IntrospectionSources
  private let access: DebugAccess
  private static let byPath = Dictionary(
    uniqueKeysWithValues: DebugPage.all.map { ($0.path, $0) })

  /// The pages of a control plane.
  public init(_ sources: IntrospectionSources, access: DebugAccess = .loopbackOnly) {
    self.sources = sources
    self.access = access
  }

  /// Answers GET on `/debug` and all that is below it, and PUT where a page can be set.
  public func register(on router: inout HTTPRouter) {
    router.on(.get, "/debug") { await respond(to: $0) }
    router.onPrefix(.get, "/debug/") { await respond(to: $0) }
    for method in [HTTPMethod.get, .put] {
      router.on(method, "/debug/logging") { await respond(to: $0) }
    }
  }

  /// The answer to a request, whatever its method.
  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard let page = Self.byPath[request.path] else { return Self.answer(request, from: sources) }
    switch await access.verdict(request, on: page) {
    case .all: return Self.answer(request, from: sources)
    case .proxies(let namespace):
      return Self.answer(request, from: sources.limited(toProxiesOf: namespace))
    case .refused(401):
      return .refusal(
        401,
        "\(page.path) answers callers on this machine, and those that show a token of the mesh.")
    case .refused(let status):
      return .refusal(status, "\(page.path) does not answer callers of your namespace.")
    }
  }

  /// What a page answers to a caller who may know all of `sources`.
  static func answer(_ request: HTTPRequest, from sources: IntrospectionSources) -> HTTPResponse {
    if request.path == "/debug" || request.path == "/debug/" {
      return IndexPage.respond(to: request, sources)
    }
    guard let page = Self.byPath[request.path] else {
      let names = DebugPage.all.map { "  " + $0.path }.joined(separator: "\n")
      return .refusal(404, "There is no page \(request.path). The pages are:\n\(names)")
    }
    return page.respond(request, sources)
  }
}
