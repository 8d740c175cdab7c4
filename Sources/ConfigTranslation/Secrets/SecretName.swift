// SPDX-License-Identifier: Apache-2.0

/// What the name of a secret says, as proxies ask for it by SDS.
struct SecretName: Hashable, Sendable {
  enum Kind: String, Hashable, Sendable {
    /// A Secret, of the proxy's namespace where none is named.
    case secret = "kubernetes://"
    /// A Secret that the Gateway API refers to.
    case gatewaySecret = "kubernetes-gateway://"
    /// A ConfigMap with roots.
    case configMap = "configmap://"
  }

  var kind: Kind
  /// The namespace of the object.
  var namespace: String
  /// The name of the object, `-cacert` included where it asks for roots.
  var object: String

  /// Whether only roots are asked for: those are no secret.
  var isAuthority: Bool {
    kind == .configMap || object.hasSuffix(SecretReferences.authoritySuffix)
  }
  /// The object without the ending that asks for roots.
  var baseObject: String {
    object.hasSuffix(SecretReferences.authoritySuffix)
      ? String(object.dropLast(SecretReferences.authoritySuffix.utf8.count)) : object
  }

  /// What a name says to a proxy of a namespace; nil for other names.
  init?(_ text: String, proxyNamespace: String) {
    let kinds: [Kind] = [.secret, .gatewaySecret, .configMap]
    guard let kind = kinds.first(where: { text.hasPrefix($0.rawValue) }) else { return nil }
    self.kind = kind
    let parts = text.dropFirst(kind.rawValue.utf8.count).split(
      separator: "/", omittingEmptySubsequences: false)
    switch parts.count {
    case 1 where kind == .secret:
      namespace = proxyNamespace
      object = String(parts[0])
    case 2:
      namespace = String(parts[0])
      object = String(parts[1])
    default: return nil
    }
    guard !namespace.isEmpty, !object.isEmpty else { return nil }
  }
}
