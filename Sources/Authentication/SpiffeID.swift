// SPDX-License-Identifier: Apache-2.0

/// The identity of a workload: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`.
///
/// Its parts hold only what trust domains, namespaces and service accounts may, so that a text that
/// is made of them says no more than they do.
public struct SpiffeID: Hashable, Sendable, CustomStringConvertible {
  /// The mesh's trust domain.
  public let trustDomain: String
  /// The service account's namespace.
  public let namespace: String
  /// The service account's name.
  public let serviceAccount: String

  /// An identity of its parts; nil where one of them is empty or has a byte that it may not have.
  public init?(trustDomain: String, namespace: String, serviceAccount: String) {
    // Istio writes a trust domain such as `project@example.com` with a dot.
    let domain = String(trustDomain.map { $0 == "@" ? "." : $0 })
    guard [domain, namespace, serviceAccount].allSatisfy(SpiffeID.isPart) else { return nil }
    self.trustDomain = domain
    self.namespace = namespace
    self.serviceAccount = serviceAccount
  }

  /// The identity of a service account by Kubernetes' name of its user,
  /// `system:serviceaccount:NAMESPACE:NAME`.
  public init?(serviceAccountUser user: String, trustDomain: String) {
    let parts = user.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount" else { return nil }
    self.init(trustDomain: trustDomain, namespace: parts[2], serviceAccount: parts[3])
  }

  /// The identity that a URI says.
  public init?(_ uri: String) {
    let scheme = "spiffe://"
    guard uri.hasPrefix(scheme) else { return nil }
    let parts = uri.dropFirst(scheme.utf8.count).split(
      separator: "/", omittingEmptySubsequences: false
    ).map(String.init)
    guard parts.count == 5, parts[1] == "ns", parts[3] == "sa", !parts[0].contains("@") else {
      return nil
    }
    self.init(trustDomain: parts[0], namespace: parts[2], serviceAccount: parts[4])
  }

  /// The URI.
  public var description: String {
    "spiffe://\(trustDomain)/ns/\(namespace)/sa/\(serviceAccount)"
  }

  private static func isPart(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 253, text != ".", text != ".." else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}
