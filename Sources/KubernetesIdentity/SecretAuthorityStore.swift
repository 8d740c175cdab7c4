// SPDX-License-Identifier: Apache-2.0

public import CertificateAuthority
import Configuration
import JSON
public import KubernetesClient

/// Keeps an authority in a Secret, under istiod's names: `istio-ca-secret`, or `cacerts` with
/// `istio-generated` where `USE_CACERTS_FOR_SELF_SIGNED_CA` asks for it.
///
/// A rotation stands in the Secret's `rotation.json`, whole, so that one write changes all of it.
public struct SecretAuthorityStore: AuthorityStore {
  /// The names of data in the Secret.
  private enum Key {
    static let certificate = "ca-cert.pem"
    static let key = "ca-key.pem"
    static let roots = "root-cert.pem"
    static let rotation = "rotation.json"
    static let generated = "istio-generated"
  }

  private let client: KubernetesClient
  private let namespace: String
  private let usesPluggedInName: Bool
  private let patience: Duration

  private static let name = "istio-ca-secret"
  private static let pluggedInName = "cacerts"
  private static let type = "istio.io/ca-root"

  /// The store of a namespace.
  ///
  /// - Parameters:
  ///   - usesPluggedInName: Whether it is `cacerts` where there is no `istio-ca-secret` yet.
  ///   - patience: How long each request may take.
  public init(
    _ client: KubernetesClient, namespace: String, usesPluggedInName: Bool,
    patience: Duration = KubernetesClient.patience
  ) {
    self.patience = patience
    self.client = client
    self.namespace = namespace
    self.usesPluggedInName = usesPluggedInName
  }

  /// The Secret that would be made.
  public var place: String { "the Secret \(namespace)/\(nameToMake)" }

  private var nameToMake: String {
    usesPluggedInName ? SecretAuthorityStore.pluggedInName : SecretAuthorityStore.name
  }

  /// What is kept.
  public func read() async throws(AuthorityError) -> KeptAuthority? {
    guard let secret = try await secret() else { return nil }
    let version = secret["metadata"]?["resourceVersion"]?.string ?? ""
    return KeptAuthority(try authority(secret), version: version)
  }

  /// Keeps an authority where there is none.
  public func create(_ authority: StoredAuthority) async throws(AuthorityError) -> Bool {
    var data = try SecretAuthorityStore.data(of: authority)
    if usesPluggedInName { data[Key.generated] = "" }
    // Istiod writes these two, empty.
    for name in ["cert-chain.pem", "key.pem"] { data[name] = "" }
    let secret: JSONValue = [
      "apiVersion": "v1", "kind": "Secret", "type": .string(SecretAuthorityStore.type),
      "metadata": ["name": .string(nameToMake), "namespace": .string(namespace)],
      "data": .object(data),
    ]
    do throws(KubernetesRequestError) {
      _ = try await client.create(
        secret, in: ObjectPath(plural: "secrets", namespace: namespace), by: .now + patience)
      return true
    } catch {
      if error.isAlreadyExists { return false }
      throw failure("made", nameToMake, error)
    }
  }

  /// Replaces what is kept.
  public func replace(
    _ authority: StoredAuthority, version: String
  ) async throws(AuthorityError) -> Bool {
    guard var secret = try await secret()?.object,
      let name = secret["metadata"]?["name"]?.string,
      secret["metadata"]?["resourceVersion"]?.string == version
    else { return false }
    var data = secret["data"]?.object ?? JSONObject()
    data[Key.rotation] = nil
    for member in try SecretAuthorityStore.data(of: authority).members {
      data[member.key] = member.value
    }
    secret["data"] = .object(data)
    do throws(KubernetesRequestError) {
      _ = try await client.replace(
        .object(secret), at: ObjectPath(plural: "secrets", namespace: namespace, name: name),
        by: .now + patience)
      return true
    } catch {
      if error.isConflict { return false }
      throw failure("changed", name, error)
    }
  }

  // MARK: The Secret

  /// The Secret; the first of the names that is there.
  private func secret() async throws(AuthorityError) -> JSONValue? {
    var names = [SecretAuthorityStore.name]
    if usesPluggedInName { names.append(SecretAuthorityStore.pluggedInName) }
    for name in names {
      do throws(KubernetesRequestError) {
        return try await client.object(
          at: ObjectPath(plural: "secrets", namespace: namespace, name: name),
          by: .now + patience)
      } catch {
        if !error.isNotFound { throw failure("read", name, error) }
      }
    }
    return nil
  }

  private func failure(
    _ what: String, _ name: String, _ error: KubernetesRequestError
  ) -> AuthorityError {
    // The refusal's own words might repeat what was written.
    let code = error.refusal.map { "the API server answers \($0.code) \($0.reason)" }
    return AuthorityError(
      "the Secret \(namespace)/\(name) cannot be \(what): \(code ?? "the API server is away")",
      isTemporary: true)
  }

  private func authority(_ secret: JSONValue) throws(AuthorityError) -> StoredAuthority {
    let name = secret["metadata"]?["name"]?.string ?? ""
    let text = { (key: String) throws(AuthorityError) -> String? in
      guard let written = secret["data"]?[key]?.string else { return nil }
      guard let bytes = Base64.decode(written) else {
        throw AuthorityError("the Secret \(namespace)/\(name) has a broken \(key)")
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    var rotation: JSONValue?
    if let written = try text(Key.rotation) {
      guard let value = try? JSONValue(parsing: written) else {
        throw AuthorityError("the Secret \(namespace)/\(name) has a broken \(Key.rotation)")
      }
      if value["current"] != nil { return try StoredAuthority(json: value) }
      rotation = value
    }
    guard let certificate = try text(Key.certificate), let key = try text(Key.key) else {
      throw AuthorityError(
        "the Secret \(namespace)/\(name) has no \(Key.certificate) with its \(Key.key)")
    }
    var authority = StoredAuthority(AuthorityPair(certificatePEM: certificate, keyPEM: key))
    authority.rotationCount = Int(clamping: rotation?["rotations"]?.integer ?? 0)
    return authority
  }

  /// The pair that signs and all roots under istiod's names; all of it where there is more to say.
  private static func data(
    of authority: StoredAuthority
  ) throws(AuthorityError) -> JSONObject {
    let roots = authority.trusted.map(\.certificatePEM).joined()
    var texts = [
      (Key.certificate, authority.signer.certificatePEM), (Key.key, authority.signer.keyPEM),
      (Key.roots, roots),
    ]
    if authority.rotation != nil || authority.rotationCount > 0 {
      texts.append((Key.rotation, authority.rotationJSON().text()))
    }
    return JSONObject(
      distinct: texts.map { .init($0.0, .string(Base64.encode(Array($0.1.utf8)))) })
  }
}
