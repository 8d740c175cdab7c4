// SPDX-License-Identifier: Apache-2.0

public import Cryptography
public import JSON

/// The public keys of a token issuer (a JWKS, RFC 7517).
public struct TokenKeySet: Sendable {
  private struct Entry: Sendable {
    var id: String?
    var algorithm: TokenAlgorithm
    var key: PublicKey
  }

  private var entries: [Entry] = []

  /// The most keys that a set may have.
  private static let sizeLimit = 100

  /// No keys: every token is refused.
  public init() {}

  /// One key under its name.
  public init(_ key: PublicKey, id: String) throws(CryptographyError) {
    entries = [Entry(id: id, algorithm: try TokenKeySet.algorithm(of: key), key: key)]
  }

  /// The keys of a JWKS text; keys of kinds that are not taken are passed over, as the RFC has it.
  ///
  /// - Throws: What is wrong with the text, or with a key of a kind that is taken.
  public init(jwks: [UInt8]) throws(AuthenticationFailure) {
    let limits = JSONLimits(bytes: 1 << 20, depth: 32)
    guard let document = try? JSONValue(parsing: jwks, limits: limits),
      let list = document["keys"]?.array
    else { throw AuthenticationFailure("it is no JWKS: no JSON object with a list `keys`") }
    guard list.count <= TokenKeySet.sizeLimit else {
      throw AuthenticationFailure("it has more than \(TokenKeySet.sizeLimit) keys")
    }
    for (index, item) in list.enumerated() {
      do throws(CryptographyError) {
        if let entry = try TokenKeySet.entry(item) { entries.append(entry) }
      } catch {
        throw AuthenticationFailure("keys[\(index)] cannot be used: \(error)")
      }
    }
  }

  /// Whether there is no key.
  public var isEmpty: Bool { entries.isEmpty }

  /// Whether there is a key of a name, or one without a name that may be it.
  func mayHold(_ id: String?) -> Bool {
    entries.contains { id == nil || $0.id == nil || $0.id == id }
  }

  /// The set as a JWKS.
  public func jwks() throws(CryptographyError) -> JSONValue {
    var list: [JSONValue] = []
    for entry in entries {
      let (first, second) = try entry.key.numbers()
      var members: [JSONObject.Member] = [
        .init("use", "sig"), .init("alg", .string(entry.algorithm.rawValue)),
      ]
      if let id = entry.id { members.append(.init("kid", .string(id))) }
      let a = JSONValue.string(Base64URL.encode(first))
      let b = JSONValue.string(Base64URL.encode(second))
      members +=
        entry.algorithm == .es256
        ? [.init("kty", "EC"), .init("crv", "P-256"), .init("x", a), .init("y", b)]
        : [.init("kty", "RSA"), .init("n", a), .init("e", b)]
      list.append(.object(JSONObject(distinct: members)))
    }
    return ["keys": .array(list)]
  }

  /// The keys that may have signed a token: those of its key's name, or all where it names none.
  func candidates(for id: String?, _ algorithm: TokenAlgorithm) -> [PublicKey] {
    entries.filter { $0.algorithm == algorithm && (id == nil || $0.id == nil || $0.id == id) }
      .map(\.key)
  }

  private static func algorithm(
    of key: PublicKey
  ) throws(CryptographyError) -> TokenAlgorithm {
    if let weakness = key.kind.weakness { throw CryptographyError(weakness) }
    switch key.kind {
    case .p256: return .es256
    case .rsa: return .rs256
    default: throw CryptographyError("tokens are signed by keys on P-256 or of RSA")
    }
  }

  /// The key of one member of the list; nil where it is of a kind, or for a use, that is not taken.
  private static func entry(_ item: JSONValue) throws(CryptographyError) -> Entry? {
    let text = { (name: String) in item[name]?.string }
    if let use = text("use"), use != "sig" { return nil }
    let bytes = { (name: String) in text(name).flatMap { Base64URL.decode($0) } ?? [] }
    let key: PublicKey
    switch text("kty") {
    case "EC" where text("crv") == "P-256": key = try PublicKey(p256x: bytes("x"), y: bytes("y"))
    case "RSA": key = try PublicKey(rsaModulus: bytes("n"), exponent: bytes("e"))
    default: return nil
    }
    let algorithm = try algorithm(of: key)
    if let written = text("alg"), written != algorithm.rawValue { return nil }
    return Entry(id: text("kid"), algorithm: algorithm, key: key)
  }
}
