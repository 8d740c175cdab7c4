// SPDX-License-Identifier: Apache-2.0

import Flags
import GRPC
import Glibc
import Lifecycle
import Logging

/// The daemon's command line: `navarchd [discovery] FLAGS`, `navarchd version`.
public enum Navarchd {
  /// Runs a command line (without the program's name); returns the exit status.
  public static func main(
    arguments: [String], environment: [String: String]
  ) async -> Int32 {
    let flags = FlagTable.flags(environment)
    do {
      let line = try FlagValues(arguments, flags: flags + [versionFlag, helpFlag])
      if line.isTrue("help") { return say(usage(flags)) }
      if line.isTrue("version") { return say(Version.long) }
      switch line.words {
      case ["version"]: return say(Version.long)
      case ["help"]: return say(usage(flags))
      case [], ["discovery"]: return try await serve(line, flags, environment)
      default:
        throw FlagError(
          "There is no command \"\(line.words.joined(separator: " "))\"; see navarchd --help.")
      }
    } catch {
      write("navarchd: \(error)\n", to: STDERR_FILENO)
      return 1
    }
  }

  private static let versionFlag = Flag("version", .truth, "false", "Say the version and end")
  private static let helpFlag = Flag("help", .truth, "false", short: "h", "Say this and end")

  private static func serve(
    _ line: FlagValues, _ flags: [Flag], _ environment: [String: String]
  ) async throws -> Int32 {
    MemoryPolicy.apply()
    let options = try ControlPlaneOptions(line, environment: environment)
    if let suites = options.identity.tls.suites { TLSSuites.set(suites) }
    let logs = try LogSystem(options.logs)
    let log = logs.scope()
    for flag in flags.sorted(by: { $0.name < $1.name }) {
      log.info("FLAG: --\(flag.name)=\"\(line[flag.name])\"")
    }
    for flag in line.unknown { log.warn("the flag \(flag) is not known and has no effect") }
    for flag in flags where line.given.contains(flag.name) && !flag.isUsed {
      log.warn("the flag --\(flag.name) has no effect in this version")
    }
    guard let signals = ProcessSignals() else {
      throw FlagError("The system does not let signals be handled.")
    }
    let plane = try ControlPlane(options, logs: logs)
    let place = options.configDirectory.isEmpty ? "a cluster" : options.configDirectory
    log.info("navarchd \(Version.long) starts, serving \(place)")
    try await plane.run(signals: signals.stream)
    log.info("navarchd ended")
    return 0
  }

  private static func usage(_ flags: [Flag]) -> String {
    let lines = flags.sorted { $0.name < $1.name }.map { flag in
      let short = flag.shorthand.map { "-\($0), " } ?? "    "
      let standard = flag.standard.isEmpty ? "" : " (default \(flag.standard))"
      let note = flag.isUsed ? "" : " [no effect yet]"
      return "  \(short)--\(flag.name)  \(flag.help)\(standard)\(note)"
    }
    return """
      Navarch is a control plane of a service mesh: it serves Envoys over xDS.

      Usage:
        navarchd [discovery] [--configDir DIRECTORY | --kubeconfig FILE] [flags]
        navarchd version

      Flags:
      \(lines.joined(separator: "\n"))
        -h, --help  Say this and end
            --version  Say the version and end
      """
  }

  private static func say(_ text: String) -> Int32 {
    write(text + "\n", to: STDOUT_FILENO)
    return 0
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
  }
}
