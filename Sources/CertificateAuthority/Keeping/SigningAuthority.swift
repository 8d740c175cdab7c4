// SPDX-License-Identifier: Apache-2.0

public import Cryptography
import StateDirectory
import Synchronization

/// Why an authority cannot be used: one sentence that names the file.
public struct AuthorityError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// Whether the same may succeed later, as where a server is away.
  public let isTemporary: Bool

  /// An error of one sentence.
  public init(_ description: String, isTemporary: Bool = false) {
    self.description = description
    self.isTemporary = isTemporary
  }
}

/// A certificate that signs, its key, what leads from it to a root, and the roots: checked, whole.
public final class SigningAuthority: Sendable {
  /// The certificate that signs.
  public let certificate: Certificate
  /// The certificates that a leaf is sent with, the signing one first; none where it is a root.
  public let chain: [Certificate]
  /// The roots that are trusted.
  public let roots: [Certificate]
  /// The roots, PEM.
  public let rootsPEM: String
  /// The serial number of the certificate that signs.
  public let serial: String
  /// The serial numbers of the roots.
  public let rootSerials: Set<String>
  let key: PrivateKey
  let chainPEMs: [String]
  private let issuer = Mutex<LeafIssuer?>(nil)

  /// Takes an authority that was made here.
  init(certificate: Certificate, key: PrivateKey, chain: [Certificate], roots: [Certificate]) {
    self.certificate = certificate
    self.key = key
    self.chain = chain
    self.roots = roots
    rootsPEM = roots.map(\.pem).joined()
    serial = certificate.serial
    rootSerials = Set(roots.map(\.serial))
    chainPEMs = chain.map(\.pem)
  }

  /// Signs its leaves.
  func leaves() throws(CryptographyError) -> LeafIssuer {
    try issuer.withLock { issuer throws(CryptographyError) in
      if let issuer { return issuer }
      let made = try LeafIssuer(certificate, key: key)
      issuer = made
      return made
    }
  }

  /// Reads an authority from its files, and checks that it can sign: the key is the certificate's,
  /// the certificate is a CA's, and the chain leads to a root, with all dates good.
  ///
  /// - Parameter now: The time of day in seconds since 1970.
  public convenience init(
    _ files: AuthorityFiles, now: Int64
  ) throws(AuthorityError) {
    let names = files.names
    let own = try Self.certificates(files, names.certificate)
    let roots = try Self.certificates(files, names.roots)
    let key = try Self.key(files)
    let certificate = own[0]
    do throws(CryptographyError) {
      guard try certificate.publicKey().matches(key.publicKey()) else {
        throw CryptographyError(
          "the key does not belong to the certificate in \(names.certificate)")
      }
    } catch {
      throw AuthorityError("\(files.path(names.key)) cannot be used: \(error)")
    }
    try Self.checkAuthority(certificate, files.path(names.certificate))
    let isRoot = roots.contains { $0.der == certificate.der }
    let chain = try Self.chain(files, of: certificate, isRoot: isRoot)
    do throws(CryptographyError) {
      try certificate.verify(intermediates: own + chain, roots: roots, at: now)
    } catch {
      throw AuthorityError(
        "\(files.path(names.certificate)) cannot be used: no chain leads from it to a root of "
          + "\(names.roots): \(error)")
    }
    self.init(certificate: certificate, key: key, chain: chain, roots: roots)
  }

  private static func checkAuthority(
    _ certificate: Certificate, _ path: String
  ) throws(AuthorityError) {
    guard certificate.isAuthority else {
      throw AuthorityError(
        "\(path) cannot be used: the certificate may not sign others (no CA certificate)")
    }
    do throws(CryptographyError) {
      if let weakness = try certificate.publicKey().kind.weakness {
        throw CryptographyError(weakness)
      }
    } catch {
      throw AuthorityError("\(path) cannot be used: \(error)")
    }
  }

  private static func certificates(
    _ files: AuthorityFiles, _ name: String
  ) throws(AuthorityError) -> [Certificate] {
    do throws(FileError) {
      let bytes = try files.read(name)
      do throws(CryptographyError) {
        return try Certificate.list(pem: bytes)
      } catch {
        throw FileError("\(files.path(name)) cannot be used: \(error)")
      }
    } catch {
      throw AuthorityError("\(error)")
    }
  }

  private static func key(_ files: AuthorityFiles) throws(AuthorityError) -> PrivateKey {
    do throws(FileError) {
      let bytes = try files.read(files.names.key)
      do throws(CryptographyError) {
        return try PrivateKey(pem: bytes)
      } catch {
        throw FileError("\(files.path(files.names.key)) cannot be used: \(error)")
      }
    } catch {
      throw AuthorityError("\(error)")
    }
  }

  /// What leaves are sent with.
  ///
  /// A root signs without a chain; an intermediate without a file of its
  /// chain is the chain itself.
  private static func chain(
    _ files: AuthorityFiles, of certificate: Certificate, isRoot: Bool
  ) throws(AuthorityError) -> [Certificate] {
    guard FileMark(files.path(files.names.chain)) != nil else {
      return isRoot ? [] : [certificate]
    }
    let chain = try certificates(files, files.names.chain)
    if isRoot, chain.count == 1, chain[0].der == certificate.der { return [] }
    return chain
  }
}
