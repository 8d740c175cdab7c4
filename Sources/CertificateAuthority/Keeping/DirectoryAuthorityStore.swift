// SPDX-License-Identifier: Apache-2.0

import JSON
public import StateDirectory

/// Keeps an authority in a state directory: the folder `ca` holds it at rest, in istiod's files, and
/// the file `ca-rotation.json` all of it while a rotation is under way.
public struct DirectoryAuthorityStore: AuthorityStore {
  private let directory: StateDirectory

  static let folder = "ca"
  private static let rotationFile = "ca-rotation.json"
  private static let lock = "ca.lock"

  /// The store of a state directory.
  public init(_ directory: StateDirectory) { self.directory = directory }

  /// The folder's path.
  public var place: String { directory.path(Self.folder) }

  /// What is kept.
  public func read() async throws(AuthorityError) -> KeptAuthority? { try kept() }

  /// What is kept, at once.
  func kept() throws(AuthorityError) -> KeptAuthority? {
    let written = try bytes(of: Self.rotationFile)
    var counted: StoredAuthority?
    if let written {
      counted = try decoded(written)
      // A rotation file that says all goes before files which may be half written.
      if let counted, counted.rotation != nil || isFinishing(written) {
        return KeptAuthority(counted, version: text(written))
      }
    }
    let names = AuthorityFiles.Names.istio
    let certificate = try bytes(of: "\(Self.folder)/\(names.certificate)")
    let key = try bytes(of: "\(Self.folder)/\(names.key)")
    guard certificate != nil || key != nil else { return nil }
    guard let certificate, let key else {
      let missing = certificate == nil ? names.certificate : names.key
      throw AuthorityError("\(place)/\(missing) cannot be read: it is not there")
    }
    var authority = StoredAuthority(
      AuthorityPair(certificatePEM: text(certificate), keyPEM: text(key)))
    authority.rotationCount = counted?.rotationCount ?? 0
    return KeptAuthority(authority, version: text(certificate) + text(written ?? []))
  }

  /// Keeps an authority where there is none.
  public func create(_ authority: StoredAuthority) async throws(AuthorityError) -> Bool {
    let pair = authority.current
    let names = AuthorityFiles.Names.istio
    do {
      return try directory.keepOnce(Self.folder) { () throws(FileError) in
        [
          names.certificate: Array(pair.certificatePEM.utf8),
          names.roots: Array(pair.certificatePEM.utf8), names.key: Array(pair.keyPEM.utf8),
        ]
      }
    } catch {
      throw AuthorityError("\(error)")
    }
  }

  /// Replaces what is kept: first in the file that says all, then in istiod's files.
  public func replace(
    _ authority: StoredAuthority, version: String
  ) async throws(AuthorityError) -> Bool {
    do {
      return try directory.locked(Self.lock) {
        guard try kept()?.version == version else { return false }
        try directory.replace(Self.rotationFile, Array(authority.json().text().utf8))
        if authority.rotation == nil { try settle(authority) }
        return true
      }
    } catch {
      throw AuthorityError("\(error)")
    }
  }

  /// Writes istiod's files, and leaves of the rotation file only the count.
  private func settle(_ authority: StoredAuthority) throws {
    let names = AuthorityFiles.Names.istio
    let pair = authority.current
    for (name, text) in [
      (names.key, pair.keyPEM), (names.certificate, pair.certificatePEM),
      (names.roots, pair.certificatePEM),
    ] {
      try FileBytes.replace(directory.path("\(Self.folder)/\(name)"), Array(text.utf8))
    }
    try directory.replace(Self.rotationFile, Array(authority.rotationJSON().text().utf8))
  }

  /// Whether istiod's files may not be written yet.
  private func isFinishing(_ bytes: [UInt8]) -> Bool {
    (try? JSONValue(parsing: bytes))?["current"] != nil
  }

  private func decoded(_ bytes: [UInt8]) throws(AuthorityError) -> StoredAuthority {
    let path = directory.path(Self.rotationFile)
    guard let value = try? JSONValue(parsing: bytes) else {
      throw AuthorityError("\(path) cannot be used: it is no JSON")
    }
    guard value["current"] != nil else {
      var authority = StoredAuthority(AuthorityPair(certificatePEM: "", keyPEM: ""))
      authority.rotationCount = Int(clamping: value["rotations"]?.integer ?? 0)
      return authority
    }
    do throws(AuthorityError) {
      return try StoredAuthority(json: value)
    } catch {
      throw AuthorityError("\(path) cannot be used: \(error)")
    }
  }

  private func bytes(of name: String) throws(AuthorityError) -> [UInt8]? {
    do throws(FileError) {
      return try FileBytes.read(directory.path(name))
    } catch {
      if error.isMissing { return nil }
      throw AuthorityError("\(error)")
    }
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
