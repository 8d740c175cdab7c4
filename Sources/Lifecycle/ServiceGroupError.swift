// SPDX-License-Identifier: Apache-2.0

/// Why a group of services did not end well.
public enum ServiceGroupError: Error, Equatable, CustomStringConvertible {
  /// A service returned although nobody had asked it to stop.
  case endedEarly(String)
  /// Services that had not ended when the time for the shutdown was over.
  case shutdownTimedOut(running: [String])
  /// Services that had not ended when a second signal came.
  case interrupted(running: [String])

  /// One sentence for the operator.
  public var description: String {
    switch self {
    case .endedEarly(let name):
      "The service \(name) ended although it had not been asked to."
    case .shutdownTimedOut(let running):
      "The time for the shutdown ran out before \(running.joined(separator: ", ")) ended."
    case .interrupted(let running):
      "A second signal came before \(running.joined(separator: ", ")) ended."
    }
  }
}
