// SPDX-License-Identifier: Apache-2.0

public import HTTPClient
internal import JSON
internal import StateDirectory
internal import Synchronization

/// Requests to one API server.
public final class KubernetesClient: Sendable {
  /// How the server is reached.
  public let configuration: ClusterConfiguration
  private let http: HTTPClient
  private let budget: Mutex<RequestBudget>
  private let start = ContinuousClock.now
  private let plugin: PluginCredentials?

  /// A client; connections are shared with whoever else uses `http`.
  public init(
    _ configuration: ClusterConfiguration, http: HTTPClient,
    budget: RequestBudget = RequestBudget(perSecond: 80, burst: 160)
  ) {
    self.configuration = configuration
    self.http = http
    self.budget = Mutex(budget)
    plugin = configuration.plugin.map { PluginCredentials($0) }
  }

  /// Begins a request, once the budget allows it.
  ///
  /// - Parameters:
  ///   - path: The path, such as `/api/v1/pods`.
  ///   - query: Names and values, not yet escaped.
  ///   - accept: The media types to answer with.
  ///   - idleTimeout: How long the answer may stay away; nil for ever.
  /// - Throws: That a file of the credentials cannot be read.
  public func open(
    _ path: String, query: [(name: String, value: String)] = [],
    accept: String = "application/json", idleTimeout: Duration? = .seconds(30)
  ) async throws(KubernetesClientError) -> HTTPExchange {
    var request = try await request(to: path, query)
    request.headers.append((name: "Accept", value: accept))
    request.idleTimeout = idleTimeout
    let wait = takeTurn()
    if wait > .zero { try? await ContinuousClock().sleep(for: wait) }
    return http.open(request)
  }

  /// Has a program give new credentials for the next request.
  ///
  /// To be called where the server did not take the last (401). What is read from files is new with
  /// every request.
  public func renewCredentials() async { await plugin?.forget() }

  /// Makes a request and waits for the whole answer, which must be JSON.
  ///
  /// - Parameter deadline: When the answer must be there. Nothing is sent after it.
  func send(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [],
    body: JSONValue? = nil, contentType: String = "application/json",
    by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> JSONValue {
    do {
      var request = try await request(to: path, query)
      request.method = method
      request.headers.append((name: "Accept", value: "application/json"))
      if let body {
        request.headers.append((name: "Content-Type", value: contentType))
        request.body = Array(body.text().utf8)
      }
      let wait = takeTurn()
      guard ContinuousClock.now + wait < deadline else { throw KubernetesRequestError.late }
      if wait > .zero { try await ContinuousClock().sleep(for: wait) }
      let rest = deadline - ContinuousClock.now
      guard rest > .zero else { throw KubernetesRequestError.late }
      request.timeout = rest
      let exchange = http.open(request)
      let head = try await exchange.head()
      let answer = try await exchange.body(limit: KubernetesClient.answerLimit)
      if head.status == 401 { await renewCredentials() }
      guard (200..<300).contains(head.status) else {
        throw KubernetesRequestError.refused(APIRefusal(head, body: answer))
      }
      return try JSONValue(parsing: answer)
    } catch let error as KubernetesRequestError {
      throw error
    } catch let error as KubernetesClientError {
      throw .unusable(error)
    } catch let error as JSONParseError {
      throw .unanswered("the answer is no JSON: column \(error.column): \(error.reason)")
    } catch {
      throw .unanswered("\(error)")
    }
  }

  /// The most bytes that the answer to a request for one object may have.
  private static let answerLimit = 16 * 1024 * 1024

  private func takeTurn() -> Duration {
    budget.withLock { $0.take(at: ContinuousClock.now - start) }
  }

  private func request(
    to path: String, _ query: [(name: String, value: String)]
  ) async throws(KubernetesClientError) -> HTTPClientRequest {
    var server = configuration.server
    var connectTo: String?
    if !configuration.serverName.isEmpty, let place = Authority(of: server) {
      // The URL gets the name that the certificate has, the connection goes where it went.
      connectTo = place.hostPort
      server = place.replacingHost(with: configuration.serverName)
    }
    var request = HTTPClientRequest(url: server + path + KubernetesClient.text(query))
    request.connectTo = connectTo
    request.proxy = configuration.proxy
    request.tls.verifies = configuration.verifies
    request.tls.authorities = try bytes(configuration.authorities)
    request.tls.certificate = try bytes(configuration.certificate)
    request.tls.key = try bytes(configuration.key)
    if let token = try bytes(configuration.token) {
      let text = String(decoding: token, as: UTF8.self).filter { !$0.isWhitespace }
      request.headers.append((name: "Authorization", value: "Bearer \(text)"))
    }
    if let credential = try await plugin?.credential() {
      request.tls.certificate = credential.certificate ?? request.tls.certificate
      request.tls.key = credential.key ?? request.tls.key
      if let token = credential.token {
        request.headers.removeAll { $0.name == "Authorization" }
        request.headers.append((name: "Authorization", value: "Bearer \(token)"))
      }
    }
    request.headers.append((name: "User-Agent", value: "navarchd"))
    return request
  }

  private func bytes(
    _ material: ClusterConfiguration.Material?
  ) throws(KubernetesClientError) -> [UInt8]? {
    switch material {
    case nil: return nil
    case .bytes(let bytes)?: return bytes
    case .file(let path)?:
      do throws(FileError) {
        return try FileBytes.read(path)
      } catch {
        throw KubernetesClientError(error.description)
      }
    }
  }

  private static func text(_ query: [(name: String, value: String)]) -> String {
    guard !query.isEmpty else { return "" }
    return "?" + query.map { "\($0.name)=\(escaped($0.value))" }.joined(separator: "&")
  }

  /// A text with all but unreserved characters as percent signs and digits (RFC 3986).
  static func escaped(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      let character = Character(Unicode.Scalar(byte))
      if byte < 0x80, character.isLetter || character.isNumber || "-._~".contains(character) {
        result.append(character)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }
}

/// The part of a URL that says where to connect.
struct Authority: Equatable {
  private let scheme: Substring
  private let host: Substring
  private let port: Substring
  private let path: Substring

  /// The authority of `scheme://host[:port][/path]`; nil where the text is not one.
  init?(of url: String) {
    guard let mark = url.firstIndex(of: ":"), url[mark...].hasPrefix("://") else { return nil }
    scheme = url[..<mark]
    let rest = url[url.index(mark, offsetBy: 3)...]
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    path = rest[slash...]
    let place = rest[..<slash]
    let bracket = place.lastIndex(of: "]")
    let colon = place[(bracket ?? place.startIndex)...].firstIndex(of: ":")
    host = place[..<(colon ?? place.endIndex)]
    port = colon.map { place[place.index(after: $0)...] } ?? (scheme == "http" ? "80" : "443")
  }

  /// `host:port`, an IPv6 address in brackets.
  var hostPort: String { "\(host):\(port)" }

  /// The URL with another host.
  func replacingHost(with name: String) -> String { "\(scheme)://\(name):\(port)\(path)" }
}
