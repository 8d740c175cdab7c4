// SPDX-License-Identifier: Apache-2.0

internal import Runtime

/// The frames of the calling thread, one a line, named where the binary has symbols.
func captureStack() -> String {
  guard let trace = try? Backtrace.capture(limit: 64) else { return "" }
  guard let named = trace.symbolicated() else { return trace.description }
  return named.description
}
