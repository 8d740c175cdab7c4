// SPDX-License-Identifier: Apache-2.0

import Flags
import StateDirectory

/// Envoy's command line, but for its bootstrap.
enum EnvoyArguments {
  /// The arguments that Istio's agent gives, in its words.
  static func make(
    _ line: FlagValues, _ variables: Variables, _ proxy: ProxySettings, isVersion6: Bool
  ) throws(FlagError) -> [String] {
    let drain = try proxy.duration("drainDuration") ?? .seconds(45)
    let flush = try proxy.duration("fileFlushInterval") ?? .seconds(1)
    var arguments = [
      "--drain-time-s", "\(max(1, drain.components.seconds))", "--drain-strategy", "immediate",
      "--local-address-ip-version", isVersion6 ? "v6" : "v4",
      "--file-flush-interval-msec", "\(Int(flush / .milliseconds(1)))",
      "--disable-hot-restart", "--allow-unknown-static-fields",
    ]
    // `warning,misc:error` is a level, and one for a component.
    let levels = line["proxyLogLevel"].split(separator: ",").map(String.init)
    if let level = levels.last(where: { !$0.contains(":") }) {
      arguments += ["--log-level", level]
    }
    let components = levels.filter { $0.contains(":") }
    let ofComponents =
      components.isEmpty ? line["proxyComponentLogLevel"] : components.joined(separator: ",")
    if !ofComponents.isEmpty { arguments += ["--component-log-level", ofComponents] }
    // Envoys of some age do not know this one.
    if try variables.truth("ENVOY_SKIP_DEPRECATED_LOGS") {
      arguments.append("--skip-deprecated-logs")
    }
    if let size = proxy.number("fileFlushMinSizeKb"), size > 0 {
      arguments += ["--file-flush-min-size-kb", "\(size)"]
    }
    let flag = Int(line["concurrency"]) ?? 0
    // As many threads as the container has CPUs, where nobody says how many (0: one for each of the machine).
    let limit = variables.text("ISTIO_CPU_LIMIT").flatMap(Int.init)
    let workers = flag > 0 ? flag : proxy.number("concurrency") ?? limit ?? 0
    if workers > 0 { arguments += ["--concurrency", "\(workers)"] }
    if let file = variables.text("ISTIO_BOOTSTRAP_OVERRIDE") {
      do throws(FileError) {
        arguments += ["--config-yaml", String(decoding: try FileBytes.read(file), as: UTF8.self)]
      } catch {
        throw FlagError("ISTIO_BOOTSTRAP_OVERRIDE cannot be used: \(error)")
      }
    }
    return arguments
  }
}
