// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import DiscoveryServer
import Explanation
import HTTPServer
import JSON
import MeshModel

/// `/debug/explain?proxyID=&url=`: where a proxy sends a request, which objects make it so, and what
/// was passed over and why.
///
/// Further parameters: `method`, `headers` (`name: value`, several by comma or repeated), `claims`
/// (JSON), `direction=inbound`, `mtls` (the client is a sidecar), `format` (`html` or `json`; else as
/// the caller accepts).
enum ExplainPage {
  /// The answer for people, or as JSON for programs.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    let query = ExplainQuery(request)
    let form = ExplainForm(query, proxies: sources.sortedConnections().map(\.node.shortID))
    let isForPeople = wantsHTML(request)
    if isForPeople, query.url.isEmpty || query.proxy.isEmpty {
      return HTMLPage.respond("Where does it go?", [form.html])
    }
    guard !query.url.isEmpty else {
      return .refusal(
        400, "You must provide a url in the query string, such as http://host:80/path.")
    }
    switch ProxyLookup(request, sources) {
    case .refused(let refusal):
      guard isForPeople else { return refusal }
      let said = String(decoding: refusal.bodyBytes, as: UTF8.self)
      return HTMLPage.respond(
        "Where does it go?", [form.html, problem(said)], status: refusal.status)
    case .found(let connection):
      guard let context = sources.view(connection.node.id) else {
        return .refusal(503, "Nothing has been made for \(connection.node.shortID) yet.")
      }
      do throws(TrafficRequestError) {
        guard !context.node.isProxyless else { throw proxyless(context.node) }
        let explained = ExplainedRequest(try query.traffic(), at: context)
        guard isForPeople else {
          return .json(
            ExplanationJSON(explained, generation: { sources.servedVersion($0)?.generation }).value(
              context), for: request)
        }
        let body = ExplanationHTML(explained, generation: { sources.servedVersion($0)?.generation })
          .parts(context)
        return HTMLPage.respond("Where does it go?", [form.html] + body)
      } catch {
        guard isForPeople else { return .refusal(400, error.description) }
        return HTMLPage.respond(
          "Where does it go?", [form.html, problem(error.description)], status: 400)
      }
    }
  }

  /// A gRPC library asks for what it needs, and walks no listeners as Envoy does.
  private static func proxyless(_ node: ProxyNode) -> TrafficRequestError {
    TrafficRequestError(
      description:
        "\(node.shortID) is a gRPC client without a proxy: which of the routes, clusters "
        + "and endpoints that it is served a call takes is up to its library. What it is served "
        + "stands at /debug/config_dump?proxyID=\(node.shortID).")
  }

  private static func problem(_ text: String) -> HTML {
    "<p class=\"banner bad\"><span class=\"lines\">\(text)</span></p>"
  }

  private static func wantsHTML(_ request: HTTPRequest) -> Bool {
    if let format = request.query("format") { return format == "html" }
    return request.headers["Accept"]?.contains("text/html") ?? false
  }
}

/// The form at the head of the page, filled with what was asked.
struct ExplainForm {
  private let query: ExplainQuery
  private let proxies: [String]

  init(_ query: ExplainQuery, proxies: [String]) {
    self.query = query
    self.proxies = Set(proxies).sorted()
  }

  var html: HTML {
    let isKnown = proxies.contains(query.proxy)
    var names = proxies
    if !isKnown, !query.proxy.isEmpty { names.insert(query.proxy, at: 0) }
    let options = names.map { name -> HTML in
      let mark: HTML = name == query.proxy ? " selected" : .empty
      return "<option\(mark)>\(name)</option>"
    }
    let inbound: HTML = query.isInbound ? " selected" : .empty
    let mutual: HTML = query.isMutual ? " checked" : .empty
    return """
      <form method="get" action="/debug/explain">
      <input type="hidden" name="format" value="html">
      <div class="row"><label>Proxy <select name="proxyID">\(HTML(options))</select></label>
      <label class="grow">URL <input name="url" value="\(query.url)" required
      placeholder="http://reviews:9080/path, https://…, tcp://host:port"></label></div>
      <div class="row"><label>Method <input name="method" value="\(query.method)" size="8"></label>
      <label class="grow">Headers, one a line <textarea name="headers" rows="2"
      placeholder="end-user: jason">\(query.headers)</textarea></label>
      <label class="grow">Token's claims, as JSON <textarea name="claims" rows="2"
      placeholder='{"groups": ["admin"]}'>\(query.claims)</textarea></label></div>
      <div class="row"><label>Direction <select name="direction"><option value="outbound">from the \
      workload</option><option value="inbound"\(inbound)>to the workload</option></select></label>
      <label class="check"><input type="checkbox" name="mtls" value="true"\(mutual)> the client is a \
      sidecar</label><button>Explain</button></div></form>
      """
  }
}
