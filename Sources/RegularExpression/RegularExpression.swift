// SPDX-License-Identifier: Apache-2.0
// Owns one compiled RE2, freed by deinit; RE2 is immutable and locks within, so any thread may
// match with it.

import CRE2Shims
import Glibc

/// A regular expression of RE2, the engine that Envoy matches with.
///
/// What compiles here compiles in Envoy. Matching takes time linear in the text.
public final class RegularExpression: Sendable {
  /// The pattern as it was written.
  public let pattern: String
  // SAFETY: written once by init, freed by deinit, and RE2's const functions are thread-safe.
  private nonisolated(unsafe) let regex: OpaquePointer

  /// Compiles a pattern.
  ///
  /// - Parameters:
  ///   - pattern: The expression in RE2's syntax.
  ///   - limits: How large the pattern and its program may be.
  /// - Throws: Why the pattern is not one, as RE2 says it, or that it is too large.
  public init(
    _ pattern: String, limits: RegularExpressionLimits = RegularExpressionLimits()
  ) throws(RegularExpressionError) {
    let bytes = Array(pattern.utf8)
    guard bytes.count <= limits.patternBytes else {
      throw RegularExpressionError(
        reason: "the regular expression has \(bytes.count) bytes, "
          + "more than the limit \(limits.patternBytes)")
    }
    guard let regex = cre2shims_compile(bytes, bytes.count, Int64(limits.memory)) else {
      throw RegularExpressionError(reason: "no memory for the regular expression")
    }
    if let error = cre2shims_error(regex) {
      let reason = String(cString: error)
      cre2shims_free(regex)
      throw RegularExpressionError(reason: "not a regular expression of RE2: \(reason)")
    }
    self.pattern = pattern
    self.regex = regex
  }

  deinit { cre2shims_free(regex) }

  /// Whether the whole text matches, as Envoy's `safe_regex` asks.
  public func matchesWhole(_ text: String) -> Bool { matches(text, full: true) }

  /// Whether some part of the text matches.
  public func matchesPart(of text: String) -> Bool { matches(text, full: false) }

  /// The number of capturing groups.
  public var groupCount: Int { Int(cre2shims_group_count(regex)) }

  /// The number of instructions of the compiled program, which Envoy's runtime can limit.
  public var programSize: Int { Int(cre2shims_program_size(regex)) }

  /// A pattern that matches `text` itself and nothing else.
  public static func quote(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var count = 0
    guard let quoted = cre2shims_quote(bytes, bytes.count, &count) else { return text }
    defer { free(quoted) }
    let raw = UnsafeRawBufferPointer(start: quoted, count: count)
    return String(decoding: raw, as: UTF8.self)
  }

  private func matches(_ text: String, full: Bool) -> Bool {
    var text = text
    return text.withUTF8 { cre2shims_matches(regex, $0.baseAddress, $0.count, full) }
  }
}

/// How large a pattern may be.
public struct RegularExpressionLimits: Hashable, Sendable {
  /// The most bytes of a pattern; 1024 is what Istio's validation allows.
  public var patternBytes: Int
  /// The most bytes of memory for the program and its automata; Envoy keeps RE2's 8 MiB.
  public var memory: Int

  /// Limits; by default those of Istio and Envoy.
  public init(patternBytes: Int = 1024, memory: Int = 8 << 20) {
    self.patternBytes = patternBytes
    self.memory = memory
  }
}

/// Why a pattern was refused, in one sentence.
public struct RegularExpressionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public let reason: String
  /// What is wrong.
  public var description: String { reason }
}
