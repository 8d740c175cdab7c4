// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import Flags
import Glibc
import StateDirectory

extension Command {
  /// `ca root`: the roots that proxies are to trust.
  static let showRoots = Command(
    name: "ca root", help: "Print the roots of the mesh's certificates, PEM",
    flags: [
      Flag("stateDir", .text, "", "The control plane's state directory"),
      Flag(
        "rootCADir", .text, "",
        "The folder of a plugged-in authority, which goes before (default: ROOT_CA_DIR)"),
    ]
  ) { context in
    let (line, environment) = (context.line, context.environment)
    let now = Int64(time(nil))
    let folder = line["rootCADir"].isEmpty ? environment["ROOT_CA_DIR"] ?? "" : line["rootCADir"]
    if !folder.isEmpty, let files = AuthorityFiles.found(in: folder) {
      return try SigningAuthority(files, now: now).rootsPEM
    }
    let directory = try StateDirectory(try line.required("stateDir"))
    guard let authority = try SigningAuthority.kept(in: directory, now: now) else {
      throw FlagError(
        "\(directory.path) keeps no authority yet: the control plane makes it at its first start.")
    }
    return authority.rootsPEM
  }
}
