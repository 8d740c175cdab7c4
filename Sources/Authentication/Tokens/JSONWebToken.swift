// SPDX-License-Identifier: Apache-2.0

import Cryptography
import JSON

/// A token (JWT) as it is written: nothing of it is to be believed before its signature is.
struct JSONWebToken: Sendable {
  /// The most bytes that a token may have.
  static let sizeLimit = 16 << 10

  var algorithm: TokenAlgorithm
  /// The name of the key that signed it, where it says one.
  var keyID: String?
  var claims: JSONObject
  private var signed: [UInt8]
  private var signature: [UInt8]

  /// Takes a token apart.
  init(_ text: String) throws(AuthenticationFailure) {
    guard text.utf8.count <= JSONWebToken.sizeLimit else {
      throw AuthenticationFailure("the token is larger than \(JSONWebToken.sizeLimit) bytes")
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let header = JSONWebToken.object(parts[0]),
      let claims = JSONWebToken.object(parts[1]), let signature = Base64URL.decode(parts[2])
    else { throw AuthenticationFailure("the token is no signed JWT") }
    guard let algorithm = header["alg"]?.string.flatMap(TokenAlgorithm.init) else {
      throw AuthenticationFailure("the token's algorithm is not ES256 or RS256")
    }
    guard header["crit"] == nil else {
      throw AuthenticationFailure("the token needs extensions that are not known")
    }
    self.algorithm = algorithm
    keyID = header["kid"]?.string
    self.claims = claims
    self.signature = signature
    signed = Array("\(parts[0]).\(parts[1])".utf8)
  }

  /// The key of a set that signed it; nil where none did.
  ///
  /// - Parameter before: The key by which its signature was found good before.
  func signer(among keys: TokenKeySet, before: PublicKey? = nil) -> PublicKey? {
    let candidates = keys.candidates(for: keyID, algorithm)
    return candidates.first { $0 === before }
      ?? candidates.first { $0.verifies(signature, of: signed, by: algorithm) }
  }

  /// A token of claims, signed.
  static func make(
    _ claims: JSONObject, keyID: String, key: PrivateKey
  ) throws(CryptographyError) -> String {
    let header: JSONValue = [
      "alg": .string(try key.tokenAlgorithm().rawValue), "kid": .string(keyID), "typ": "JWT",
    ]
    let signed =
      Base64URL.encode(header.utf8()) + "." + Base64URL.encode(JSONValue.object(claims).utf8())
    let signature = try key.tokenSignature(of: Array(signed.utf8)).signature
    return signed + "." + Base64URL.encode(signature)
  }

  fileprivate static func object(_ part: Substring) -> JSONObject? {
    guard let bytes = Base64URL.decode(part) else { return nil }
    let limits = JSONLimits(bytes: sizeLimit, depth: 16)
    return (try? JSONValue(parsing: bytes, limits: limits))?.object
  }
}

extension CallerCredentials {
  /// The end of the bearer token's life as it says itself (`exp`, in seconds since 1970), which nothing
  /// has proved; nil where it says none.
  public var unprovenTokenEnd: Int64? {
    let parts = (bearerToken ?? "").split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].utf8.count <= JSONWebToken.sizeLimit,
      let claims = JSONWebToken.object(parts[1])
    else { return nil }
    return claims["exp"]?.integer
  }

  /// The bearer token, where it has a size that a token may have.
  public func token() throws(AuthenticationFailure) -> String {
    guard let bearerToken, !bearerToken.isEmpty else {
      throw AuthenticationFailure("no bearer token exists in the request's headers")
    }
    guard bearerToken.utf8.count <= JSONWebToken.sizeLimit,
      bearerToken.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else {
      throw AuthenticationFailure(
        "the token is larger than \(JSONWebToken.sizeLimit) bytes, or no token")
    }
    return bearerToken
  }
}
