// SPDX-License-Identifier: Apache-2.0

public import Authentication
import Cryptography
import JSON
public import KubernetesClient

/// Believes tokens of service accounts that an API server believes (TokenReview): that of the own
/// cluster, or of the one that the caller says it is in.
///
/// What it answered is remembered for a moment under the token's digest. Where it does not answer,
/// nobody is believed.
public struct TokenReviews: CallerAuthenticator {
  /// A service account, and the Pod that its token is bound to.
  private struct Subject: Hashable, Sendable {
    var user: String
    var pod: PodReference?
    var end: Int64?
  }

  private typealias Answer = Result<Subject, AuthenticationFailure>

  /// A token that was shown for a cluster.
  private struct Question: Hashable {
    var digest: [UInt8]
    /// The cluster's name as the caller gave it; empty for the own one.
    var cluster: String
  }

  private let client: KubernetesClient
  private let remote: @Sendable (_ cluster: String) -> KubernetesClient?
  private let audiences: [String]
  private let clusters: Set<String>
  private let trustDomain: @Sendable () -> String
  private let now: @Sendable () -> Int64
  private let patience: Duration
  private let known: ExpiringMemo<Question, Answer>

  private static let path = ObjectPath(
    group: "authentication.k8s.io", plural: "tokenreviews")
  /// For how many seconds a yes is remembered; API servers do so for as long.
  private static let goodLife: Int64 = 10
  /// For how many seconds a no is.
  private static let badLife: Int64 = 2
  /// How many answers are remembered.
  private static let limit = 10_000

  /// Reviews by the API server of a client.
  ///
  /// - Parameters:
  ///   - audiences: For whom tokens must be, one of them at least.
  ///   - clusters: The names of the API server's cluster, by which callers may mean it.
  ///   - remote: Leads to the API server of another cluster; nil where none has that name.
  ///   - patience: How long an answer may take.
  ///   - trustDomain: The trust domain of the identities that tokens prove, as it is now.
  ///   - now: The time of day in seconds since 1970.
  public init(
    _ client: KubernetesClient, audiences: Set<String>, clusters: Set<String>,
    remote: @escaping @Sendable (_ cluster: String) -> KubernetesClient? = { _ in nil },
    patience: Duration = KubernetesClient.patience,
    trustDomain: @escaping @Sendable () -> String, now: @escaping @Sendable () -> Int64
  ) {
    self.client = client
    self.patience = patience
    self.audiences = audiences.sorted()
    self.clusters = clusters
    self.remote = remote
    self.trustDomain = trustDomain
    self.now = now
    known = ExpiringMemo(limit: TokenReviews.limit)
  }

  /// Istiod's name of it.
  public var name: String { "KubeJWTAuthenticator" }

  /// Whose token it is.
  public func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    let token = try credentials.token()
    let named = credentials.clusterID ?? ""
    let isOwn = named.isEmpty || clusters.contains(named)
    // What a cluster is called may change whom it leads to: that is looked up each time.
    guard let reviewer = isOwn ? client : remote(named) else {
      throw AuthenticationFailure("the caller claims to be in a cluster that is not known")
    }
    let question = Question(digest: sha256(token.utf8), cluster: isOwn ? "" : named)
    let subject: Subject
    if let answer = known.value(question, at: now()) {
      subject = try answer.get()
    } else {
      subject = try await ask(
        reviewer, token, question, end: credentials.unprovenTokenEnd)
    }
    guard let identity = SpiffeID(serviceAccountUser: subject.user, trustDomain: trustDomain())
    else { throw AuthenticationFailure("the token is of no service account") }
    // Pods are looked up in the own cluster: one of another cluster is none there.
    return Caller(.token, [identity], pod: isOwn ? subject.pod : nil, end: subject.end)
  }

  private func ask(
    _ client: KubernetesClient, _ token: String, _ question: Question, end: Int64?
  ) async throws(AuthenticationFailure) -> Subject {
    let review: JSONValue = [
      "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
      "spec": ["token": .string(token), "audiences": .array(audiences.map { .string($0) })],
    ]
    let answered: JSONValue
    do throws(KubernetesRequestError) {
      answered = try await client.create(review, in: TokenReviews.path, by: .now + patience)
    } catch {
      // The refusal's own words might repeat what was asked.
      let code = error.refusal.map { "status \($0.code)" } ?? "no answer"
      throw AuthenticationFailure("the API server reviews no tokens: \(code)", isTemporary: true)
    }
    let now = now()
    do throws(AuthenticationFailure) {
      var subject = try subject(answered["status"] ?? .null)
      subject.end = end
      let last = min(now + TokenReviews.goodLife, end ?? .max)
      known.keep(.success(subject), for: question, until: last)
      return subject
    } catch {
      known.keep(.failure(error), for: question, until: now + TokenReviews.badLife)
      throw error
    }
  }

  private func subject(_ status: JSONValue) throws(AuthenticationFailure) -> Subject {
    guard status["error"]?.string ?? "" == "", status["authenticated"]?.bool == true else {
      throw AuthenticationFailure("the API server does not believe the token")
    }
    let matching = status["audiences"]?.array?.compactMap(\.string) ?? []
    guard !Set(audiences).isDisjoint(with: matching) else {
      throw AuthenticationFailure("the token is for another audience")
    }
    let user = status["user"] ?? .null
    let groups = user["groups"]?.array?.compactMap(\.string) ?? []
    guard groups.contains("system:serviceaccounts"), let name = user["username"]?.string,
      let account = SpiffeID(serviceAccountUser: name, trustDomain: "any")
    else { throw AuthenticationFailure("the token is of no service account") }
    let extra = { (key: String) in
      user["extra"]?["authentication.kubernetes.io/" + key]?.array?.first?.string
    }
    guard let pod = extra("pod-name"), let uid = extra("pod-uid") else {
      return Subject(user: name)
    }
    return Subject(
      user: name, pod: PodReference(namespace: account.namespace, name: pod, uid: uid))
  }
}
