// SPDX-License-Identifier: Apache-2.0

import Flags
import Glibc

/// What is asked of an agent that runs, in pilot-agent's words.
enum AgentCommands {
  /// The flags of these commands.
  static let flags = [
    Flag(
      "url", .text, "http://localhost:15021/healthz/ready", used: true,
      "wait: what to ask until it answers 200"),
    Flag("timeoutSeconds", .number, "60", used: true, "wait: for how long to ask, in seconds"),
    Flag("periodMillis", .number, "500", used: true, "wait: how often to ask, in milliseconds"),
    Flag("requestTimeoutMillis", .number, "500", used: true, "wait: how long an answer may take"),
    Flag("debug-port", .number, "15000", used: true, "request: the port of Envoy's admin page"),
  ]

  /// Waits until a page answers 200, as a hook does that lets the application start after its proxy.
  static func wait(_ line: FlagValues) async throws(FlagError) -> Int32 {
    guard var call = call(line["url"]) else {
      throw FlagError("--url is \"\(line["url"])\", which is not http://ADDRESS:PORT/PATH.")
    }
    call.timeout = .milliseconds(max(1, Int(line["requestTimeoutMillis"]) ?? 500))
    let limit = Duration.seconds(Double(line["timeoutSeconds"]) ?? 60)
    let pause = Duration.milliseconds(max(1, Int(line["periodMillis"]) ?? 500))
    let deadline = ContinuousClock.now + limit
    while true {
      if let answer = try? await call.answer(), answer.status == 200 {
        return say("the proxy is ready")
      }
      guard .now + pause < deadline else { break }
      try? await ContinuousClock().sleep(for: pause)
    }
    complain("the proxy was not ready within \(limit)")
    return 1
  }

  /// Asks Envoy's admin page.
  static func request(_ line: FlagValues) async throws -> Int32 {
    guard line.words.count == 3, line.words[2].hasPrefix("/") || !line.words[2].isEmpty,
      let port = UInt16(line["debug-port"])
    else { throw FlagError("The command is: navarch-agent request METHOD PATH.") }
    let path = line.words[2]
    let address = SocketAddress(IPAddress(bytes: [127, 0, 0, 1]), port)
    var call = HTTPCall(address: address, target: path.hasPrefix("/") ? path : "/" + path)
    call.method = line.words[1].uppercased()
    call.timeout = .seconds(60)
    let answer = try await call.answer()
    let text = String(decoding: answer.body, as: UTF8.self)
    guard answer.status < 400 else {
      complain("Envoy answers \(answer.status): \(text)")
      return 1
    }
    return say(text, end: "")
  }

  /// A call of a URL by HTTP, whose host is `localhost` or an IP address.
  private static func call(_ url: String) -> HTTPCall? {
    guard url.hasPrefix("http://") else { return nil }
    let rest = url.dropFirst("http://".utf8.count)
    let authority = String(rest.prefix { $0 != "/" })
    let path = String(rest.dropFirst(authority.count))
    var host = HTTPCall.hostName(authority)
    let port = authority == host ? "80" : String(authority.dropFirst(host.count + 1))
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard let number = UInt16(port),
      let address = IPAddress(host == "localhost" ? "127.0.0.1" : host)
    else { return nil }
    var call = HTTPCall(
      address: SocketAddress(address, number), target: path.isEmpty ? "/" : path)
    call.host = authority
    return call
  }

  /// Writes to the standard output.
  static func say(_ text: String, end: String = "\n") -> Int32 {
    write(text + end, to: STDOUT_FILENO)
    return 0
  }

  /// Writes to the standard error.
  static func complain(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
