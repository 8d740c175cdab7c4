// SPDX-License-Identifier: Apache-2.0

import Commands
import Glibc

/// The process: flags in, one call, exit code out.
@main
enum Main {
  static func main() async {
    var environment: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let parts = String(cString: text).split(separator: "=", maxSplits: 1)
      if let name = parts.first {
        environment[String(name)] = parts.dropFirst().first.map(String.init) ?? ""
      }
      entry += 1
    }
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    exit(await Navarchctl.main(arguments: arguments, environment: environment))
  }
}
