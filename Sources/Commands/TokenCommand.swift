// SPDX-License-Identifier: Apache-2.0

import Authentication
import Flags
import Glibc
import StateDirectory

extension Command {
  /// `token create`: a token of a service account, signed with the key that the state directory
  /// keeps.
  static let createToken = Command(
    name: "token create", help: "Print a token of a service account, for use without Kubernetes",
    flags: [
      Flag("stateDir", .text, "", "The control plane's state directory, which keeps the key"),
      Flag("namespace", .text, "", short: "n", "Namespace of the service account"),
      Flag("service-account", .text, "default", "Name of the service account"),
      Flag("audience", .text, "istio-ca", "Who is to believe the token"),
      Flag("ttl", .duration, "12h", "For how long it is valid"),
    ]
  ) { context in
    let line = context.line
    let signer = try TokenSigner(try StateDirectory(try line.required("stateDir")))
    guard let lifetime = line.duration("ttl"), lifetime >= .seconds(1) else {
      throw FlagError("The flag --ttl cannot be \"\(line["ttl"])\".")
    }
    let token = try signer.token(
      namespace: try line.required("namespace"),
      serviceAccount: try line.required("service-account"), audience: try line.required("audience"),
      lifetime: lifetime.components.seconds, now: Int64(time(nil)))
    return token + "\n"
  }
}
