// SPDX-License-Identifier: Apache-2.0

import Configuration
import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import HTTPServer
import MeshModel
import ServiceDiscovery

/// `/debug`: where things stand, and what other pages there are, for people.
///
/// Callers from elsewhere see numbers and pages, but neither proxies' names nor configuration.
enum IndexPage {
  /// The page.
  static func respond(to request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    let connections = sources.sortedConnections()
    let diagnostics = Notice.all(sources)
    var parts = [head(sources), summary(connections, diagnostics, sources.snapshot())]
    if request.peer.isLoopback {
      parts += [proxies(connections), said(diagnostics)]
    }
    parts.append(pages(isLoopback: request.peer.isLoopback))
    return HTMLPage.document(title: "Navarch \(sources.identity)", parts)
  }

  private static func head(_ sources: IntrospectionSources) -> HTML {
    let missing = sources.isReady()
    let state: HTML =
      missing.isEmpty
      ? "<span class=\"good\">Ready.</span>"
      : "<span class=\"wait\">Not ready:</span> \(missing.joined(separator: "; "))"
    return """
      <h1>Navarch</h1>
      <p class="soft">\(sources.identity), version \(sources.version)</p><p>\(state)</p>
      """
  }

  private static func summary(
    _ connections: [ConnectionStatus], _ diagnostics: [Notice], _ snapshot: MeshSnapshot?
  ) -> HTML {
    let standings = connections.map(ProxyStanding.init)
    var sums: [HTML] = [sum("Proxies", connections.count)]
    sums += ProxyStanding.allCases.map { standing in
      sum(standing.word, standings.count { $0 == standing }, colour: standing.colour)
    }
    sums.append(sum("Services", snapshot?.registry.services.count ?? 0))
    let rejected = diagnostics.count(where: \.isRejected)
    sums.append(sum("Rejected", rejected, colour: "bad"))
    sums.append(sum("Other notes", diagnostics.count - rejected))
    return "<dl class=\"sums\">\(HTML(sums))</dl>"
  }

  private static func sum(_ word: String, _ count: Int, colour: String = "") -> HTML {
    "<div><dt>\(word)</dt><dd class=\"\(count == 0 ? "" : colour)\">\(count)</dd></div>"
  }

  private static func pages(isLoopback: Bool) -> HTML {
    let rows = DebugPage.all.map { page -> HTML in
      let note: HTML =
        isLoopback ? .empty : " <span class=\"soft\">\(whom(page.audience))</span>"
      return """
        <tr><td class="name"><a href="\(page.path)?pretty"><code>\(page.name)</code></a></td>
        <td>\(page.description)\(note)</td></tr>
        """
    }
    return table("Pages", ["Page", "What it shows"], rows)
  }

  private static func whom(_ audience: DebugPage.Audience) -> String {
    switch audience {
    case .system: "For callers of the system's namespace."
    case .proxysNamespace: "For callers of the system's and of the proxy's namespace."
    case .machine: "Only for callers on this machine."
    }
  }

  private static func proxies(_ connections: [ConnectionStatus]) -> HTML {
    guard !connections.isEmpty else { return "<h2>Proxies</h2><p>No proxy is connected.</p>" }
    let rows = connections.map { connection -> HTML in
      let standing = ProxyStanding(connection)
      let types = connection.types.map { "\($0.type.shortName) \($0.state.rawValue)" }
      return """
        <tr><td><a href="/debug/config_dump?pretty&amp;proxyID=\(queryValue(connection.node.id))">\
        \(connection.node.shortID)</a> <a class="soft" href="/debug/explain?format=html&amp;proxyID=\
        \(queryValue(connection.node.shortID))">explain</a></td><td>\(connection.node.kind.rawValue)</td>
        <td class="\(standing.colour)">\(standing.word)</td>
        <td class="soft">\(types.joined(separator: ", "))</td></tr>
        """
    }
    return table("Proxies", ["Proxy", "Kind", "State", "By type"], rows)
  }

  /// A text as a value of a query: all but letters, digits and `-._~` as percent signs (RFC 3986).
  private static func queryValue(_ text: String) -> String {
    text.utf8.reduce(into: "") { result, byte in
      let scalar = Unicode.Scalar(byte)
      let isPlain =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || "0123456789-._~".unicodeScalars.contains(scalar))
      result +=
        isPlain
        ? String(Character(scalar))
        : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
  }

  private static func said(_ diagnostics: [Notice]) -> HTML {
    guard !diagnostics.isEmpty else {
      return "<h2>Configuration</h2><p>Nothing to say of the configuration.</p>"
    }
    let rows = diagnostics.map { said -> HTML in
      let field: HTML = said.field.isEmpty ? .empty : "<br><code>\(said.field)</code>"
      return """
        <tr><td class="name \(said.colour)">\(said.word)</td>
        <td><code>\(said.origin.description)</code></td>
        <td class="object">\(said.objectName)\(field)</td><td>\(said.message)</td></tr>
        """
    }
    return table("Configuration", ["Effect", "Place", "Object", "What is to be said"], rows)
  }

  private static func table(_ title: String, _ columns: [String], _ rows: [HTML]) -> HTML {
    let heads = columns.map { column -> HTML in "<th>\(column)</th>" }
    return """
      <h2>\(title)</h2>
      <table><thead><tr>\(HTML(heads))</tr></thead><tbody>\(HTML(rows))</tbody></table>
      """
  }
}
