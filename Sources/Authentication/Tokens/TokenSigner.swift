// SPDX-License-Identifier: Apache-2.0

public import Cryptography
import JSON
public import StateDirectory

/// Signs tokens of service accounts where there is no Kubernetes that would, with a key that is kept
/// in the state directory: who can read that may be anyone.
public struct TokenSigner: Sendable {
  /// The issuer that these tokens name.
  public static let issuer = "navarch"

  private let key: PrivateKey
  private let keyID: String

  private static let folder = "tokens"
  private static let file = "signing-key.pem"

  /// The signer of a state directory; its key is made where there is none.
  ///
  /// - Throws: `FileError` or `CryptographyError`.
  public init(_ directory: StateDirectory) throws {
    try directory.keepOnce(TokenSigner.folder) { () throws(CryptographyError) in
      [TokenSigner.file: Array(try PrivateKey(generating: .p256).pem().utf8)]
    }
    let path = directory.path("\(TokenSigner.folder)/\(TokenSigner.file)")
    let bytes = try FileBytes.read(path)
    do throws(CryptographyError) {
      key = try PrivateKey(pem: bytes)
      let id = try key.publicKey().numbers().first.suffix(9)
      keyID = Base64URL.encode(id)
    } catch {
      throw FileError("\(path) cannot be used: \(error)")
    }
  }

  /// The public key, for who is to believe the tokens.
  public func keys() throws(CryptographyError) -> TokenKeySet {
    try TokenKeySet(key.publicKey(), id: keyID)
  }

  /// A token of a service account.
  ///
  /// - Parameters:
  ///   - audience: Who is to believe it, `istio-ca` as a rule.
  ///   - lifetime: For how many seconds.
  ///   - now: The time of day in seconds since 1970.
  /// - Throws: `AuthenticationFailure` where the names are not such as a service account has.
  public func token(
    namespace: String, serviceAccount: String, audience: String, lifetime: Int64, now: Int64
  ) throws -> String {
    guard
      SpiffeID(trustDomain: "any", namespace: namespace, serviceAccount: serviceAccount) != nil
    else {
      throw AuthenticationFailure(
        "there can be no service account \"\(serviceAccount)\" of a namespace \"\(namespace)\"")
    }
    let claims = JSONObject(distinct: [
      .init("iss", .string(TokenSigner.issuer)), .init("aud", [.string(audience)]),
      .init("sub", .string("system:serviceaccount:\(namespace):\(serviceAccount)")),
      .init("iat", .integer(now)), .init("nbf", .integer(now)),
      .init("exp", .integer(now + lifetime)),
    ])
    return try JSONWebToken.make(claims, keyID: keyID, key: key)
  }
}
