// SPDX-License-Identifier: Apache-2.0

public import HTTPClient
import JSON
import Synchronization

/// The keys of an issuer (a JWKS) at a URL, or where the issuer's OpenID configuration says.
///
/// They are fetched when they are needed: at first, when they are old, and when a token names a key
/// that is not among them, but never oftener than ``Limits/pause`` says. Without an answer the last
/// keys stay in force for a while; then, and where there were none, every token is refused.
///
/// An answer counts only where it comes at once from the URL itself: redirects are not followed, no
/// proxy is asked, and addresses where clouds tell machines their secrets are never connected to.
public final class RemoteTokenKeys: Sendable {
  /// Where keys are.
  public enum Location: Hashable, Sendable {
    /// A JWKS at a URL.
    case keys(String)
    /// At the `jwks_uri` of `ISSUER/.well-known/openid-configuration`.
    case issuer(String)
  }

  /// What is allowed.
  public struct Limits: Hashable, Sendable {
    /// The most bytes of an answer.
    public var size = 1 << 20
    /// The time for an answer.
    public var timeout = Duration.seconds(5)
    /// The age at which keys are fetched anew.
    public var age = Duration.seconds(300)
    /// The age at which keys are used no more.
    public var life = Duration.seconds(3600)
    /// The least time between two attempts.
    public var pause = Duration.seconds(10)
    /// Whether `http` will do, where nothing tells an impostor from the issuer.
    public var allowsPlaintext = false

    /// The defaults.
    public init() {}
  }

  private typealias Waiter = CheckedContinuation<Void, Never>

  private struct State {
    var keys = TokenKeySet()
    var fetched: Duration?
    var attempted: Duration?
    var isFetching = false
    var waiters: [Waiter] = []
    var problem = ""
  }

  private let location: Location
  private let limits: Limits
  private let client: HTTPClient
  private let clock: @Sendable () -> Duration
  private let report: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// Keys that nobody has asked for yet.
  ///
  /// - Parameters:
  ///   - clock: The time since any moment, which never goes back.
  ///   - report: Told in a sentence why keys cannot be fetched, once for each reason in a row.
  public init(
    _ location: Location, limits: Limits = Limits(), client: HTTPClient,
    clock: @escaping @Sendable () -> Duration, report: @escaping @Sendable (String) -> Void
  ) {
    self.location = location
    self.limits = limits
    self.client = client
    self.clock = clock
    self.report = report
  }

  /// The keys, fetched anew where they are old or lack the one of that name.
  public func keys(for id: String?) async -> TokenKeySet {
    while true {
      switch next(id) {
      case .use(let keys): return keys
      case .wait: await wait()
      case .fetch:
        do throws(AuthenticationFailure) {
          finish(.success(try await fetch()))
        } catch {
          finish(.failure(error))
        }
      }
    }
  }

  // MARK: Who fetches

  private enum Step {
    case use(TokenKeySet)
    case fetch
    case wait
  }

  private func next(_ id: String?) -> Step {
    let now = clock()
    return state.withLock { state in
      let age = state.fetched.map { now - $0 }
      if let age, age < limits.age, state.keys.mayHold(id) { return .use(state.keys) }
      if let attempted = state.attempted, now - attempted < limits.pause, !state.isFetching {
        return .use(age.map { $0 < limits.life } == true ? state.keys : TokenKeySet())
      }
      if state.isFetching { return .wait }
      state.isFetching = true
      state.attempted = now
      return .fetch
    }
  }

  private func wait() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        guard state.isFetching else { return true }
        state.waiters.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  private func finish(_ result: Result<TokenKeySet, AuthenticationFailure>) {
    let now = clock()
    let (waiters, problem) = state.withLock { state -> ([Waiter], String) in
      state.isFetching = false
      defer { state.waiters = [] }
      switch result {
      case .success(let keys):
        (state.keys, state.fetched, state.problem) = (keys, now, "")
        return (state.waiters, "")
      case .failure(let error):
        let problem = "\(error)"
        defer { state.problem = problem }
        return (state.waiters, state.problem == problem ? "" : problem)
      }
    }
    if !problem.isEmpty { report(problem) }
    for waiter in waiters { waiter.resume() }
  }

  // MARK: Over the network

  private func fetch() async throws(AuthenticationFailure) -> TokenKeySet {
    var url: String
    switch location {
    case .keys(let text): url = text
    case .issuer(let issuer):
      let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
      let page = base + "/.well-known/openid-configuration"
      let document = try? JSONValue(parsing: try await get(page))
      guard let document, document["issuer"]?.string == issuer else {
        throw AuthenticationFailure(
          "the keys of \(issuer) cannot be used: \(page) is no configuration of that issuer")
      }
      url = document["jwks_uri"]?.string ?? ""
    }
    let bytes = try await get(url)
    do throws(AuthenticationFailure) {
      return try TokenKeySet(jwks: bytes)
    } catch {
      throw AuthenticationFailure("the keys at \(url) cannot be used: \(error)")
    }
  }

  private func get(_ url: String) async throws(AuthenticationFailure) -> [UInt8] {
    guard url.hasPrefix("https://") || limits.allowsPlaintext && url.hasPrefix("http://") else {
      throw AuthenticationFailure("keys are not fetched from \"\(url)\": it is no https URL")
    }
    var request = HTTPClientRequest(url: url)
    request.proxy = ""
    request.avoidsMachineServices = true
    request.connectTimeout = limits.timeout
    request.timeout = limits.timeout
    let exchange = client.open(request)
    let status: Int
    let body: [UInt8]
    do throws(HTTPClientError) {
      status = try await exchange.head().status
      body = status == 200 ? try await exchange.body(limit: limits.size) : []
    } catch {
      throw AuthenticationFailure("the keys at \(url) cannot be fetched: \(error.description)")
    }
    guard status == 200 else {
      throw AuthenticationFailure("the keys at \(url) cannot be fetched: it answers \(status)")
    }
    return body
  }
}
