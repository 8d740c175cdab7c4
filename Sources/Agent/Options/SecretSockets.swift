// SPDX-License-Identifier: Apache-2.0

import Flags

/// The sockets of others that serve secrets beside the workload, such as SPIRE's agent.
struct SecretSockets: Sendable {
  /// Where Envoy has the workload's certificate from, in place of this agent
  /// (`WORKLOAD_IDENTITY_SOCKET_FILE`); nil where nobody else serves it.
  var identity: String?
  /// Whether somebody serves the secrets that `sds://` names (the metadata `credential`).
  var hasCredentials: Bool
  /// Where somebody serves secrets of files (the metadata `file-credential`); nil where this agent does.
  var files: String?

  /// The sockets below a folder.
  ///
  /// - Parameter answers: Whether somebody takes connections at a path.
  init(
    _ variables: Variables, folder: String = "./var/run/secrets",
    answers: (String) -> Bool = UnixSocket.answers
  ) throws(FlagError) {
    let name = variables.text("WORKLOAD_IDENTITY_SOCKET_FILE") ?? "socket"
    guard !name.contains("/") else {
      throw FlagError("WORKLOAD_IDENTITY_SOCKET_FILE is a file's name, no path: \"\(name)\".")
    }
    let path = "\(folder)/workload-spiffe-uds/\(name)"
    identity = answers(path) ? path : nil
    guard identity != nil || name == "socket" else {
      throw FlagError("WORKLOAD_IDENTITY_SOCKET_FILE: nobody answers at \(path).")
    }
    hasCredentials = answers(folder + "/credential-uds/socket")
    let files = folder + "/credential-uds/files-socket"
    self.files = answers(files) ? files : nil
  }
}
