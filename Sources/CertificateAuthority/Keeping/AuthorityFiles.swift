// SPDX-License-Identifier: Apache-2.0

public import StateDirectory

/// The files of a signing authority in a folder, in one of the two forms that istiod knows.
public struct AuthorityFiles: Hashable, Sendable {
  /// The names of files.
  public struct Names: Hashable, Sendable {
    /// The certificate that signs.
    public var certificate: String
    /// Its key.
    public var key: String
    /// What leads from it to a root; need not be there where it is a root itself.
    public var chain: String
    /// The roots that are trusted.
    public var roots: String

    /// The form of the Secrets `cacerts` and `istio-ca-secret`.
    public static let istio = Names(
      certificate: "ca-cert.pem", key: "ca-key.pem", chain: "cert-chain.pem",
      roots: "root-cert.pem")
    /// The form of a Secret of type `kubernetes.io/tls`.
    public static let tls = Names(
      certificate: "tls.crt", key: "tls.key", chain: "tls.crt", roots: "ca.crt")

    var all: [String] { [certificate, key, chain, roots] }
  }

  /// The folder.
  public var folder: String
  /// What its files are named.
  public var names: Names

  /// The files of a folder in one form.
  public init(folder: String, names: Names) {
    self.folder = folder
    self.names = names
  }

  /// The files of a folder, where it has a signing key: `tls.crt` shows the second form.
  public static func found(in folder: String) -> AuthorityFiles? {
    for names in [Names.tls, .istio] where FileMark("\(folder)/\(names.certificate)") != nil {
      return AuthorityFiles(folder: folder, names: names)
    }
    // Any other of the files was meant to be used: it leads to a refusal that names what is missing.
    let hasAny = Names.istio.all.contains { FileMark("\(folder)/\($0)") != nil }
    return hasAny ? AuthorityFiles(folder: folder, names: .istio) : nil
  }

  /// What tells whether any of the files has changed.
  public var marks: [FileMark?] { names.all.map { FileMark(path($0)) } }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func read(_ name: String) throws(FileError) -> [UInt8] { try FileBytes.read(path(name)) }
}
