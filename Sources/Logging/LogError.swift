// SPDX-License-Identifier: Apache-2.0

/// Why logging could not be set up as the operator asked.
public enum LogError: Error, Equatable, CustomStringConvertible {
  /// A piece of a level list is not `scope:level`.
  case invalidLevelRule(String)
  /// A name that is not a level.
  case unknownLevel(String)
  /// A log file that cannot be opened for appending.
  case cannotOpen(path: String, reason: String)

  /// One sentence for the operator.
  public var description: String {
    switch self {
    case .invalidLevelRule(let rule):
      "The log level \"\(rule)\" is not of the form scope:level."
    case .unknownLevel(let name):
      "The log level \"\(name)\" is none of debug, info, warn, error, fatal and none."
    case .cannotOpen(let path, let reason):
      "The log file \(path) cannot be opened: \(reason)."
    }
  }
}
