// SPDX-License-Identifier: Apache-2.0

import FileSource
import Flags
import MeshModel

extension Command {
  /// `validate`: whether files say what the control plane can use.
  static let validate = Command(
    name: "validate", operands: ["FILE"], help: "Check files as the control plane reads them",
    flags: [
      Flag("filename", .list, "", short: "f", "The files; - is the standard input")
    ]
  ) { context in
    let names = context.line["filename"].split(separator: ",").map(String.init) + context.line.words
    guard !names.isEmpty else { throw FlagError("Which files? Name them by -f.") }
    var failures: [String] = []
    var answer = ""
    for name in names {
      let content = FileContent(path: name, bytes: try InputFile.read(name))
      var files = ConfigurationFiles()
      let read = files.apply(DirectoryChange(upserted: [content]))
      let said = read.upserts.flatMap(\.diagnostics) + read.problems
      let rejected = said.filter { $0.effect == .rejected }
      failures += rejected.map { "Error: \($0)" }
      answer += said.filter { $0.effect != .rejected }.map { "Warning: \($0)\n" }.joined()
      if rejected.isEmpty { answer += "\"\(name)\" is valid\n" }
    }
    guard failures.isEmpty else {
      throw FlagError("\(failures.count) errors\n" + failures.joined(separator: "\n"))
    }
    return answer
  }
}
