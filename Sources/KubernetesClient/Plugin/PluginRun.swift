// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object owns its child, which is waited for once, and the reading end of a pipe, which it
// closes. Threads: one task.

internal import Glibc

/// One run of a program that prints a credential.
struct PluginRun: ~Copyable {
  private let child: pid_t
  private let pipe: Int32

  /// The most bytes that a program may print.
  private static let limit = 1 << 20
  /// How often the program is looked after.
  private static let interval = Duration.milliseconds(10)

  /// Runs the program, and reads what it prints.
  static func credential(
    of plugin: CredentialPlugin
  ) async throws(KubernetesClientError) -> PluginCredential {
    let run = try PluginRun(plugin)
    let (output, status) = try await run.finish(plugin)
    guard status == 0 else {
      throw KubernetesClientError("\(plugin.command) ended with status \(status)")
    }
    return try PluginCredential(output, of: plugin)
  }

  /// The seconds since 1970.
  static func now() -> Int64 { Int64(time(nil)) }

  /// Starts the program: without input, its errors where this process's go.
  private init(_ plugin: CredentialPlugin) throws(KubernetesClientError) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else {
      throw KubernetesClientError("\(plugin.command) cannot be started: there is no pipe")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    // A group of its own, so that what it starts ends with it.
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var words = PluginRun.copies([plugin.command] + plugin.arguments)
    var environment = PluginRun.copies(PluginRun.environment(plugin))
    defer { for word in words + environment { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, plugin.command, &actions, &attributes, &words, &environment)
    close(ends[1])
    guard code == 0 else {
      close(ends[0])
      let hint = plugin.installHint.isEmpty ? "" : ". \(plugin.installHint)"
      throw KubernetesClientError(
        "\(plugin.command) cannot be started: \(String(cString: strerror(code)))\(hint)")
    }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    child = pid
    pipe = ends[0]
  }

  deinit { close(pipe) }

  /// Waits for the end of the program, which is not waited for for ever; what it printed, and its
  /// status.
  private consuming func finish(
    _ plugin: CredentialPlugin
  ) async throws(KubernetesClientError) -> (output: [UInt8], status: Int32) {
    let deadline = ContinuousClock.now + plugin.timeout
    var output: [UInt8] = []
    while true {
      // Looked at before the pipe, so that nothing is printed after the last look.
      let status = status()
      drain(into: &output)
      if let status { return (output, status) }
      guard .now < deadline, output.count <= PluginRun.limit, !Task.isCancelled else { break }
      try? await ContinuousClock().sleep(for: PluginRun.interval)
    }
    kill(-child, SIGKILL)
    var raw: Int32 = 0
    waitpid(child, &raw, 0)
    let why =
      output.count > PluginRun.limit ? "printed too much" : "took longer than \(plugin.timeout)"
    throw KubernetesClientError("\(plugin.command) \(why)")
  }

  /// The status that it ended with, 128 and its number for a signal; nil while it runs.
  private borrowing func status() -> Int32? {
    var raw: Int32 = 0
    guard waitpid(child, &raw, WNOHANG) == child else { return nil }
    let signal = raw & 0x7F
    return signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
  }

  private borrowing func drain(into output: inout [UInt8]) {
    var chunk = [UInt8](repeating: 0, count: 4096)
    while output.count <= PluginRun.limit {
      let count = read(pipe, &chunk, chunk.count)
      guard count > 0 else { return }
      output += chunk[..<count]
    }
  }

  /// This process's variables but for those that the plugin has otherwise.
  private static func environment(_ plugin: CredentialPlugin) -> [String] {
    let more =
      plugin.environment
      + [CredentialPlugin.Variable(name: "KUBERNETES_EXEC_INFO", value: plugin.question)]
    let names = Set(more.map(\.name))
    var own: [String] = []
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if !names.contains(String(text.prefix { $0 != "=" })) { own.append(text) }
      next += 1
    }
    return own + more.map { "\($0.name)=\($0.value)" }
  }

  private static func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    texts.map { strdup($0) } + [nil]
  }
}
