// SPDX-License-Identifier: Apache-2.0

/// One message with everything that a line says of it.
struct LogEntry {
  var time: LogTime
  var level: LogLevel
  var scope: String
  var message: String
  var fields: [LogField]
  /// `Module/File.swift:12`, where asked for.
  var caller: String?
  /// One frame a line, where asked for.
  var stack: String?
}

/// How an entry becomes a line.
public enum LogFormat: Sendable {
  /// Time, level, scope, caller and message, with tabs between; fields follow the message as
  /// `key=value` with spaces between, as istiod's console encoder writes them.
  ///
  /// Control characters are escaped (istiod writes them raw): what a proxy says in a NACK
  /// cannot forge a line.
  case console
  /// One JSON object a line: `level`, `time`, `scope`, `caller`, `msg`, the fields, `stack`.
  case json
}

extension LogFormat {
  /// The line of `entry`, with its line feed.
  func line(_ entry: LogEntry) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(64 + entry.message.utf8.count)
    switch self {
    case .console: appendConsole(entry, to: &line)
    case .json: appendJSON(entry, to: &line)
    }
    line.append(UInt8(ascii: "\n"))
    return line
  }
}

// MARK: - Console

private let tab = UInt8(ascii: "\t")

private func appendConsole(_ entry: LogEntry, to line: inout [UInt8]) {
  entry.time.append(to: &line)
  line.append(tab)
  line.append(contentsOf: entry.level.name.utf8)
  if entry.scope != LogLevelRules.defaultScope { appendConsoleColumn(entry.scope, to: &line) }
  if let caller = entry.caller { appendConsoleColumn(caller, to: &line) }
  appendConsoleColumn(entry.message, to: &line)
  for (index, field) in entry.fields.enumerated() {
    line.append(index == 0 ? tab : UInt8(ascii: " "))
    appendVisible(field.key, to: &line)
    line.append(UInt8(ascii: "="))
    appendVisible(field.value.description, to: &line)
  }
  guard let stack = entry.stack else { return }
  line.append(UInt8(ascii: "\n"))
  line.append(contentsOf: stack.utf8)
}

private func appendConsoleColumn(_ text: String, to line: inout [UInt8]) {
  line.append(tab)
  appendVisible(text, to: &line)
}

private func appendVisible(_ text: String, to line: inout [UInt8]) {
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\n"): line.append(contentsOf: "\\n".utf8)
    case UInt8(ascii: "\r"): line.append(contentsOf: "\\r".utf8)
    case 0..<0x20 where byte != tab, 0x7F:
      line.append(contentsOf: "\\x".utf8)
      appendHex(byte, to: &line)
    default: line.append(byte)
    }
  }
}

// MARK: - JSON

private func appendJSON(_ entry: LogEntry, to line: inout [UInt8]) {
  line.append(contentsOf: "{\"level\":\"\(entry.level.name)\",\"time\":\"".utf8)
  entry.time.append(to: &line)
  line.append(UInt8(ascii: "\""))
  if entry.scope != LogLevelRules.defaultScope {
    appendMember("scope", .string(entry.scope), to: &line)
  }
  if let caller = entry.caller { appendMember("caller", .string(caller), to: &line) }
  appendMember("msg", .string(entry.message), to: &line)
  for field in entry.fields { appendMember(field.key, field.value, to: &line) }
  if let stack = entry.stack { appendMember("stack", .string(stack), to: &line) }
  line.append(UInt8(ascii: "}"))
}

private func appendMember(_ key: String, _ value: LogValue, to line: inout [UInt8]) {
  line.append(UInt8(ascii: ","))
  appendQuoted(key, to: &line)
  line.append(UInt8(ascii: ":"))
  switch value {
  case .string(let text): appendQuoted(text, to: &line)
  case .double(let number) where !number.isFinite: appendQuoted(String(number), to: &line)
  case .integer, .double, .bool: line.append(contentsOf: value.description.utf8)
  }
}

private func appendQuoted(_ text: String, to line: inout [UInt8]) {
  line.append(UInt8(ascii: "\""))
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\""): line.append(contentsOf: "\\\"".utf8)
    case UInt8(ascii: "\\"): line.append(contentsOf: "\\\\".utf8)
    case UInt8(ascii: "\n"): line.append(contentsOf: "\\n".utf8)
    case UInt8(ascii: "\r"): line.append(contentsOf: "\\r".utf8)
    case tab: line.append(contentsOf: "\\t".utf8)
    case 0..<0x20:
      line.append(contentsOf: "\\u00".utf8)
      appendHex(byte, to: &line)
    default: line.append(byte)
    }
  }
  line.append(UInt8(ascii: "\""))
}

private func appendHex(_ byte: UInt8, to line: inout [UInt8]) {
  for digit in [byte >> 4, byte & 0xF] {
    line.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
  }
}
