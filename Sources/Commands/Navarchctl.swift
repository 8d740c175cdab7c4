// SPDX-License-Identifier: Apache-2.0

import Flags
import Glibc

/// The operator's command line: `navarchctl COMMAND FLAGS`.
public enum Navarchctl {
  /// Runs a command line (without the program's name); returns the exit status.
  ///
  /// What a command gives goes to the standard output, why it fails to the standard error.
  public static func main(arguments: [String], environment: [String: String]) -> Int32 {
    do {
      write(try answer(arguments, environment: environment), to: STDOUT_FILENO)
      return 0
    } catch {
      write("navarchctl: \(error)\n", to: STDERR_FILENO)
      return 1
    }
  }

  /// What a command line gives.
  static func answer(_ arguments: [String], environment: [String: String]) throws -> String {
    let words = arguments.prefix { !$0.hasPrefix("-") }
    let rest = Array(arguments.dropFirst(words.count))
    guard let command = Command.all.first(where: { $0.words == Array(words) }) else {
      let asksForHelp = words.isEmpty || words == ["help"]
      guard asksForHelp else {
        throw FlagError(
          "There is no command \"\(words.joined(separator: " "))\"; see navarchctl help.")
      }
      return usage
    }
    let line = try FlagValues(rest, flags: command.flags + [helpFlag])
    if line.isTrue("help") { return command.usage }
    guard line.unknown.isEmpty, line.words.isEmpty else {
      let what = (line.unknown + line.words).joined(separator: " ")
      throw FlagError(
        "\(command.name) does not know \(what); see navarchctl \(command.name) --help.")
    }
    return try command.run(line, environment)
  }

  private static let helpFlag = Flag("help", .truth, "false", short: "h", "Say this and end")

  private static var usage: String {
    let lines = Command.all.map { "  navarchctl \($0.name)  \($0.help)\n" }
    return "Navarchctl is the operator's tool of a Navarch control plane.\n\nUsage:\n"
      + lines.joined() + "\nEach command says its flags with --help.\n"
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
  }
}

/// One command.
struct Command: Sendable {
  /// Its words, such as `token create`.
  var name: String
  /// What it does, in a line.
  var help: String
  var flags: [Flag]
  /// What it gives.
  var run: @Sendable (FlagValues, [String: String]) throws -> String

  var words: [String] { name.split(separator: " ").map(String.init) }

  static let all: [Command] = [.createToken, .showRoots]

  var usage: String {
    let lines = flags.map { flag in
      let standard = flag.standard.isEmpty ? "" : " (default \(flag.standard))"
      return "  --\(flag.name)  \(flag.help)\(standard)\n"
    }
    return "\(help).\n\nUsage:\n  navarchctl \(name) FLAGS\n\nFlags:\n" + lines.joined()
  }
}

extension FlagValues {
  /// The value of a flag that must be given.
  func required(_ name: String) throws(FlagError) -> String {
    guard !self[name].isEmpty else { throw FlagError("The flag --\(name) is needed.") }
    return self[name]
  }
}
