// SPDX-License-Identifier: Apache-2.0

/// Who a proxy has proved to be on its connection: by a certificate of the mesh or a token of its
/// service account.
public struct VerifiedIdentity: Hashable, Sendable {
  /// The namespace of the service account.
  public var namespace: String
  /// The service account.
  public var serviceAccount: String
  /// Whether it may read the secrets of its namespace, where somebody says so who knows.
  public var mayReadSecrets = true

  /// An identity that the caller has verified.
  public init(namespace: String, serviceAccount: String) {
    self.namespace = namespace
    self.serviceAccount = serviceAccount
  }
}
