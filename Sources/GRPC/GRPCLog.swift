// SPDX-License-Identifier: Apache-2.0
//
// Owner: the process: gRPC has one log function. Threads: any of gRPC's call it. Freed: never.

import CGRPC
import Synchronization

/// Where gRPC's core writes what it has to say; standard error unless redirected.
public enum GRPCLog {
  /// How grave a line is.
  public enum Severity: Sendable {
    /// For gRPC's developers.
    case debug
    /// For the curious.
    case info
    /// For the operator; also a handshake that a client let fail.
    case error
  }

  /// Takes lines (severity, source file and line, message); must not block or call gRPC.
  public typealias Sink =
    @Sendable (_ severity: Severity, _ place: String, _ message: String) -> Void

  fileprivate static let sink = Mutex<Sink?>(nil)

  /// Sends all later lines of the process to `sink`.
  public static func redirect(to sink: @escaping Sink) {
    GRPCLog.sink.withLock { $0 = sink }
    gpr_set_log_function(writeLogLine)
  }
}

private func writeLogLine(_ arguments: UnsafeMutablePointer<gpr_log_func_args>?) {
  guard let line = arguments?.pointee, let sink = GRPCLog.sink.withLock({ $0 }) else { return }
  let severity: GRPCLog.Severity =
    switch line.severity {
    case GPR_LOG_SEVERITY_DEBUG: .debug
    case GPR_LOG_SEVERITY_INFO: .info
    default: .error
    }
  let file = line.file.map { String(cString: $0) } ?? ""
  let name = file.split(separator: "/").last ?? ""
  sink(severity, "\(name):\(line.line)", line.message.map { String(cString: $0) } ?? "")
}
