// SPDX-License-Identifier: Apache-2.0

import Glibc
import GRPC

/// What the generator is asked for.
struct Options: Sendable {
  var address = "127.0.0.1:15010"
  var proxies = 100
  var namespaces = 20
  var isDelta = true
  /// Whether a proxy whose stream the server ends comes back.
  var comesBack = false

  init(_ arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    while let flag = rest.popFirst() {
      guard let value = rest.popFirst() else { throw UsageError("\(flag) wants a value") }
      switch flag {
      case "--addr": address = value
      case "--proxies": proxies = try Options.number(flag, value)
      case "--namespaces": namespaces = try Options.number(flag, value)
      case "--reconnect" where value == "yes" || value == "no": comesBack = value == "yes"
      case "--mode" where value == "delta" || value == "sotw": isDelta = value == "delta"
      default: throw UsageError("\(flag) \(value) is not understood")
      }
    }
  }

  private static func number(_ flag: String, _ value: String) throws(UsageError) -> Int {
    guard let number = Int(value), number > 0 else {
      throw UsageError("\(flag) wants a number above 0, not \(value)")
    }
    return number
  }
}

/// Why the generator does not start.
struct UsageError: Error {
  var reason: String

  init(_ reason: String) { self.reason = reason }
}

/// Simulated Envoys against any ADS server, one connection each.
///
/// `adsload --addr HOST:PORT [--proxies N] [--namespaces K] [--mode delta|sotw] [--reconnect yes]` takes
/// commands from standard input, a line each, and answers each with a line of JSON:
/// `connect` (all at once; those that were connected before name what they have), `mark` (count
/// anew), `watch NAME` (a change of this resource is about to be made: `report` tells of all of these
/// how long they took to be acknowledged everywhere), `report`, `disconnect`, `quit`.
@main
struct ADSLoad {
  static func main() async {
    do {
      let load = Load(try Options(Array(CommandLine.arguments.dropFirst())))
      await withTaskGroup(of: Void.self) { group in
        while let line = readLine(), line != "quit" {
          say(await load.obey(line, &group), to: STDOUT_FILENO)
        }
        _ = await load.obey("disconnect", &group)
      }
    } catch {
      say("adsload: \(error.reason)", to: STDERR_FILENO)
      exit(2)
    }
  }

  /// Writes a line at once.
  private static func say(_ line: String, to descriptor: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = write(descriptor, bytes, bytes.count)
  }
}
