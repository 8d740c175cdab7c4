// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension MetricsRegistry {
  /// Adds the `process_*` metrics of Prometheus' client libraries, read from /proc on a scrape; names
  /// begin with `prefix`.
  public func addProcessMetrics(prefix: String = "") {
    callback(
      prefix + "process_cpu_seconds_total",
      help: "User and system time that the process used, in seconds.",
      kind: .counter
    ) { ProcessStatus.read()?.cpuSeconds }
    callback(
      prefix + "process_resident_memory_bytes",
      help: "Memory of the process that is in RAM, in bytes."
    ) { ProcessStatus.read()?.residentBytes }
    callback(
      prefix + "process_virtual_memory_bytes",
      help: "Address space that the process maps, in bytes."
    ) { ProcessStatus.read()?.virtualBytes }
    callback(
      prefix + "process_start_time_seconds",
      help: "When the process began, in seconds since 1970 (UTC)."
    ) { ProcessStatus.read()?.startSeconds }
    callback(prefix + "process_open_fds", help: "File descriptors that are open.") {
      countOpenFiles()
    }
    callback(prefix + "process_max_fds", help: "File descriptors that may be open at a time.") {
      var limit = rlimit()
      guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
      return Double(limit.rlim_cur)
    }
  }
}

/// What /proc/self/stat says, proc(5).
private struct ProcessStatus {
  var cpuSeconds: Double
  var residentBytes: Double
  var virtualBytes: Double
  var startSeconds: Double

  static func read() -> ProcessStatus? {
    // The second field is the command in parentheses, which may itself hold spaces and
    // parentheses: what follows its last one starts with field 3.
    guard let stat = readSmallFile("/proc/self/stat"), let end = stat.lastIndex(of: ")"),
      let bootTime = readBootTime()
    else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    func field(_ number: Int) -> Double? {
      fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil
    }
    guard let user = field(14), let system = field(15), let start = field(22),
      let virtual = field(23), let resident = field(24)
    else { return nil }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    return ProcessStatus(
      cpuSeconds: (user + system) / ticks,
      residentBytes: resident * Double(sysconf(Int32(_SC_PAGESIZE))),
      virtualBytes: virtual, startSeconds: bootTime + start / ticks)
  }
}

private func readBootTime() -> Double? {
  readSmallFile("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
    .flatMap { Double($0.dropFirst(6)) }
}

private func readSmallFile(_ path: String) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16_384)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    guard count > 0 else { break }
    bytes += chunk[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func countOpenFiles() -> Double? {
  guard let directory = opendir("/proc/self/fd") else { return nil }
  defer { closedir(directory) }
  var count = 0.0
  while let entry = readdir(directory) {
    if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
  }
  return count - 1  // the directory itself
}
