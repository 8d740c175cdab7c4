// SPDX-License-Identifier: Apache-2.0

import JSON
public import KubernetesClient

/// Which service accounts may read the secrets of their own namespace, by an API server's word
/// (SubjectAccessReview), as istiod asks before it hands secrets to a proxy.
///
/// A yes is remembered for five minutes and a no for one, as in istiod; that there is no answer for some
/// seconds.
public final class SecretAccessReviews: Sendable {
  private struct Account: Hashable {
    var namespace: String
    var name: String
  }

  private let client: KubernetesClient
  private let now: @Sendable () -> Int64
  private let patience: Duration
  private let known = ExpiringMemo<Account, Bool?>(limit: 10_000)

  private static let path = ObjectPath(
    group: "authorization.k8s.io", plural: "subjectaccessreviews")

  /// Reviews by the API server of a client.
  ///
  /// - Parameters:
  ///   - patience: How long an answer may take.
  ///   - now: The time of day in seconds since 1970.
  public init(
    _ client: KubernetesClient, patience: Duration = KubernetesClient.patience,
    now: @escaping @Sendable () -> Int64
  ) {
    self.patience = patience
    self.client = client
    self.now = now
  }

  /// Whether a service account may list the secrets of its namespace; nil where the API server does not
  /// say.
  public func mayRead(namespace: String, serviceAccount: String) async -> Bool? {
    let account = Account(namespace: namespace, name: serviceAccount)
    if let answer = known.value(account, at: now()) { return answer }
    let review: JSONValue = [
      "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
      "spec": [
        "user": .string("system:serviceaccount:\(namespace):\(serviceAccount)"),
        "resourceAttributes": [
          "namespace": .string(namespace), "verb": "list", "resource": "secrets",
        ],
      ],
    ]
    let isAllowed: Bool?
    do throws(KubernetesRequestError) {
      let answer = try await client.create(
        review, in: SecretAccessReviews.path, by: .now + patience)
      isAllowed = answer["status"]?["allowed"]?.bool == true
    } catch {
      isAllowed = nil
    }
    known.keep(
      isAllowed, for: account, until: now() + (isAllowed.map { $0 ? 300 : 60 } ?? 5))
    return isAllowed
  }
}
