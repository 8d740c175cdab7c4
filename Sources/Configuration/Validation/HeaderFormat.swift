// SPDX-License-Identifier: Apache-2.0

/// Envoy's format of header values: text, `%%` for a percent sign, and commands between such signs.
///
/// A command is `%NAME%` or `%NAME(…)%`, where the argument is text or a list of strings as JSON
/// writes one. Which names there are is not looked at.
enum HeaderFormat {
  private enum State {
    case text, name, argument, listItem, string, afterItem, afterList, end
  }

  /// What is wrong with a value, in one sentence; nil where nothing is.
  static func problem(of value: String) -> String? {
    let bytes = Array(value.utf8)
    var state = State.text
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : nil
      switch (state, byte) {
      case (.text, UInt8(ascii: "%")):
        guard let next else { return "a % that begins no command must be written as %%" }
        if next == UInt8(ascii: "%") { index += 1 } else { state = .name }
      case (.string, UInt8(ascii: "\\")):
        guard next != nil else { return "ends within an escape" }
        index += 1
      default:
        guard let following = follow(state, byte) else {
          return "the command is not of the form %NAME% or %NAME(argument)%"
        }
        state = following
      }
      index += 1
    }
    return state == .text ? nil : "a command must end with %: write %% for the sign itself"
  }

  /// The state after a byte; nil where it must not stand there.
  private static func follow(_ state: State, _ byte: UInt8) -> State? {
    let isSpace = byte == UInt8(ascii: " ")
    switch (state, Unicode.Scalar(byte)) {
    case (.text, _): return .text
    case (.name, "%"), (.end, "%"): return .text
    case (.name, "("): return .argument
    case (.name, _): return .name
    case (.argument, "["): return .listItem
    case (.argument, _): return isSpace ? .argument : .string
    case (.listItem, "\""): return .string
    case (.string, ")"): return .end
    case (.string, "\""): return .afterItem
    case (.string, _): return .string
    case (.afterItem, ","): return .listItem
    case (.afterItem, "]"): return .afterList
    case (.afterList, ")"): return .end
    case (.listItem, _), (.afterItem, _), (.afterList, _), (.end, _): return isSpace ? state : nil
    }
  }
}
