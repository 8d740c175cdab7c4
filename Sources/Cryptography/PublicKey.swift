// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object holds one reference of the EVP_PKEY. Threads: any; a key is not changed once it
// is made. Freed: with the object.

internal import COpenSSL

/// A public key.
public final class PublicKey: Sendable {
  /// What a key is, as far as this mesh takes it.
  public enum Kind: Hashable, Sendable {
    /// RSA with a modulus of so many bits.
    case rsa(bits: Int)
    /// ECDSA on P-256.
    case p256
    /// ECDSA on P-384.
    case p384
    /// ECDSA on P-521.
    case p521
    /// Ed25519.
    case ed25519
    /// Anything else, by OpenSSL's name.
    case other(String)
  }

  nonisolated(unsafe) let pointer: OpaquePointer  // SAFETY: see the head of the file.

  /// Takes a reference over.
  init(taking pointer: OpaquePointer) { self.pointer = pointer }

  deinit { EVP_PKEY_free(pointer) }

  /// What the key is.
  public var kind: Kind { keyKind(pointer) }

  /// The key as a SubjectPublicKeyInfo, DER.
  public var der: [UInt8] { encoded { i2d_PUBKEY(pointer, $0) } }

  /// Whether both are the same key.
  public func matches(_ other: PublicKey) -> Bool { EVP_PKEY_eq(pointer, other.pointer) == 1 }
}

extension PublicKey.Kind {
  /// Why the key is too weak, or of a kind that not all proxies can use; nil where it will do.
  public var weakness: String? {
    switch self {
    case .p256, .p384, .p521, .ed25519: nil
    case .rsa(let bits) where bits < 2048: "an RSA key of \(bits) bits is too short (least: 2048)"
    case .rsa(let bits) where bits > 8192: "an RSA key of \(bits) bits is too long (most: 8192)"
    case .rsa: nil
    case .other(let name): "keys of the kind \(name) are not taken"
    }
  }
}

/// What a key of OpenSSL is.
func keyKind(_ key: OpaquePointer) -> PublicKey.Kind {
  switch EVP_PKEY_get_base_id(key) {
  case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: return .rsa(bits: Int(EVP_PKEY_get_bits(key)))
  case EVP_PKEY_ED25519: return .ed25519
  case EVP_PKEY_EC:
    var name = [CChar](repeating: 0, count: 80)
    var count = 0
    guard EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else {
      return .other("EC with explicit parameters")
    }
    let group = String(decoding: name[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    switch group {
    case "prime256v1", "P-256": return .p256
    case "secp384r1", "P-384": return .p384
    case "secp521r1", "P-521": return .p521
    default: return .other("EC \(group)")
    }
  default:
    return .other(EVP_PKEY_get0_type_name(key).map { String(cString: $0) } ?? "unknown")
  }
}
