// SPDX-License-Identifier: Apache-2.0

import Flags

/// The environment, read with errors that name the variable.
struct Variables: Sendable {
  private let values: [String: String]

  /// The variables of an environment.
  init(_ values: [String: String]) { self.values = values }

  /// A text; nil where it is empty or not there.
  func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// A truth value.
  func truth(_ name: String, default standard: Bool = false) throws(FlagError) -> Bool {
    guard let text = text(name) else { return standard }
    guard let truth = Flag.truth(text) else {
      throw FlagError("\(name) cannot be \"\(text)\": it is true or false.")
    }
    return truth
  }

  /// A duration as Go writes it.
  func duration(_ name: String) throws(FlagError) -> Duration? {
    guard let text = text(name) else { return nil }
    guard let duration = GoDuration.parse(text), duration >= .zero else {
      throw FlagError("\(name) cannot be \"\(text)\": it is a duration such as 5s.")
    }
    return duration
  }

  /// A share of a whole, below 1.
  func share(_ name: String, default standard: Double) throws(FlagError) -> Double {
    guard let text = text(name) else { return standard }
    guard let share = Double(text), (0..<1).contains(share) else {
      throw FlagError("\(name) is a share, from 0 to below 1.")
    }
    return share
  }

  /// A port.
  func port(_ name: String, _ standard: Int) throws(FlagError) -> Int {
    guard let text = text(name) else { return standard }
    return try ProxySettings.port(text, name)
  }

  /// The variables of a prefix, without it, by name.
  func prefixed(_ prefix: String) -> [(key: String, value: String)] {
    values.filter { $0.key.hasPrefix(prefix) && $0.key.utf8.count > prefix.utf8.count }
      .map { (String($0.key.dropFirst(prefix.utf8.count)), $0.value) }.sorted { $0.0 < $1.0 }
  }
}
