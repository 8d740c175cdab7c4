// SPDX-License-Identifier: Apache-2.0

import Flags
import Glibc

/// The operator's command line: `navarchctl COMMAND [WORDS] FLAGS`.
public enum Navarchctl {
  /// Runs a command line (without the program's name); returns the exit status.
  ///
  /// What a command gives goes to the standard output, why it fails to the standard error.
  public static func main(arguments: [String], environment: [String: String]) async -> Int32 {
    do {
      let text = try await answer(
        arguments, environment: environment, say: { write($0, to: STDOUT_FILENO) })
      write(text, to: STDOUT_FILENO)
      return 0
    } catch {
      write("navarchctl: \(error)\n", to: STDERR_FILENO)
      return 1
    }
  }

  /// What a command line gives.
  static func answer(
    _ arguments: [String], environment: [String: String],
    fetch: @escaping Fetch = PageFetcher.fetch, say: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> String {
    guard let (command, rest) = command(of: arguments) else {
      let words = arguments.prefix { !$0.hasPrefix("-") }
      let asksForHelp = words.isEmpty || words == ["help"]
      guard asksForHelp else {
        throw FlagError(
          "There is no command \"\(words.joined(separator: " "))\"; see navarchctl help.")
      }
      return usage
    }
    let line = try FlagValues(rest, flags: command.flags + [helpFlag])
    if line.isTrue("help") { return command.usage }
    guard line.unknown.isEmpty, line.words.count <= command.operands.count else {
      let what = (line.unknown + line.words.dropFirst(command.operands.count))
        .joined(separator: " ")
      throw FlagError(
        "\(command.name) does not know \(what); see navarchctl \(command.name) --help.")
    }
    let context = CommandContext(line: line, environment: environment, fetch: fetch, say: say)
    return try await command.run(context)
  }

  /// The command that the arguments begin with, the longest; and what follows it.
  private static func command(of arguments: [String]) -> (Command, [String])? {
    var words = arguments
    if let first = words.first, let whole = shortNames[first] { words[0] = whole }
    if words.count > 1, words[0] == "proxy-config", let whole = viewNames[words[1]] {
      words[1] = whole
    }
    let found = Command.all.filter { words.starts(with: $0.words) }
      .max { $0.words.count < $1.words.count }
    return found.map { ($0, Array(words.dropFirst($0.words.count))) }
  }

  /// istioctl's short names.
  private static let shortNames = ["pc": "proxy-config", "ps": "proxy-status"]

  /// istioctl's other names for what `proxy-config` shows.
  private static let viewNames = [
    "clusters": "cluster", "c": "cluster", "listeners": "listener", "l": "listener",
    "routes": "route", "r": "route", "endpoints": "endpoint", "ep": "endpoint",
    "secrets": "secret", "s": "secret", "b": "bootstrap", "ec": "ecds", "a": "all",
  ]

  private static let helpFlag = Flag("help", .truth, "false", short: "h", "Say this and end")

  private static var usage: String {
    let lines = Command.all.map { "  navarchctl \($0.synopsis)  \($0.help)\n" }
    return "Navarchctl is the operator's tool of a Navarch control plane.\n\nUsage:\n"
      + lines.joined() + "\nEach command says its flags with --help.\n"
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }  // Nobody reads any more.
      bytes = bytes.dropFirst(count)
    }
  }
}

/// What a command has to work with.
struct CommandContext: Sendable {
  /// Its flags and operands.
  var line: FlagValues
  var environment: [String: String]
  /// Asks a page.
  var fetch: Fetch
  /// Prints what is known before the command ends.
  var say: @Sendable (String) -> Void

  /// The first operand; empty where it is not given.
  var operand: String { line.words.first ?? "" }
}

/// One command.
struct Command: Sendable {
  /// Its words, such as `token create`.
  var name: String
  /// What may follow them, for the usage.
  var operands: [String] = []
  /// What it does, in a line.
  var help: String
  var flags: [Flag]
  /// What it gives.
  var run: @Sendable (CommandContext) async throws -> String

  var words: [String] { name.split(separator: " ").map(String.init) }

  /// Its words and operands.
  var synopsis: String { ([name] + operands.map { "[\($0)]" }).joined(separator: " ") }

  static let all: [Command] =
    [.version, .proxyStatus, .rollout] + proxyConfig + [
      .explain, .validate, .adminLog, .createRemoteSecret, .createToken, .showRoots,
    ] + rotation

  var usage: String {
    let lines = flags.map { flag in
      let standard = flag.standard.isEmpty ? "" : " (default \(flag.standard))"
      let short = flag.shorthand.map { "-\($0), " } ?? ""
      return "  \(short)--\(flag.name)  \(flag.help)\(standard)\n"
    }
    return "\(help).\n\nUsage:\n  navarchctl \(synopsis) FLAGS\n\nFlags:\n" + lines.joined()
  }
}

extension FlagValues {
  /// The value of a flag that must be given.
  func required(_ name: String) throws(FlagError) -> String {
    guard !self[name].isEmpty else { throw FlagError("The flag --\(name) is needed.") }
    return self[name]
  }
}
