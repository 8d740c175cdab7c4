// SPDX-License-Identifier: Apache-2.0

import JSON
import RegularExpression

/// Gathers what is wrong with one object, field by field.
///
/// The rules are those of istiod's validating webhook where breaking them would make proxies refuse what
/// is generated, or route elsewhere than was meant.
struct Checker {
  /// What was found.
  private(set) var diagnostics: [Diagnostic] = []

  /// Notes an error.
  mutating func error(_ path: FieldPath, _ message: String) {
    diagnostics.append(Diagnostic(.error, at: path, message))
  }

  /// Notes an error unless `holds`.
  mutating func require(
    _ holds: Bool, _ path: FieldPath, _ message: @autoclosure () -> String
  ) {
    if !holds { error(path, message()) }
  }

  /// Notes a warning where `isDoubtful`.
  mutating func warn(
    _ isDoubtful: Bool, _ path: FieldPath, _ message: @autoclosure () -> String
  ) {
    if isDoubtful { diagnostics.append(Diagnostic(.warning, at: path, message())) }
  }

  /// A port that can be listened or connected to.
  mutating func port(_ number: some BinaryInteger, _ path: FieldPath) {
    require(
      (1...65535).contains(Int(number)), path, "port \(number) is not in the range 1 to 65535")
  }

  /// A duration of whole milliseconds, at least one.
  mutating func duration(_ duration: Duration?, _ path: FieldPath) {
    guard let duration else { return }
    let (seconds, rest) = duration.components
    require(duration >= .milliseconds(1), path, "must be at least 1ms")
    require(
      rest % 1_000_000_000_000_000 == 0 && seconds >= 0 || duration < .milliseconds(1), path,
      "must be whole milliseconds")
  }

  /// A pattern of RE2, at most 1024 bytes.
  mutating func regex(_ pattern: String, _ path: FieldPath) {
    guard !pattern.isEmpty else { return error(path, "must not be empty") }
    do throws(RegularExpressionError) {
      _ = try RegularExpression(pattern)
    } catch {
      self.error(path, error.reason)
    }
  }

  /// A share of a hundred, as a whole number.
  mutating func percent(_ value: Int32, _ path: FieldPath) {
    require((0...100).contains(value), path, "must be from 0 to 100")
  }

  /// An address, or a range of addresses.
  mutating func subnet(_ text: String, _ path: FieldPath) {
    require(
      IPAddress(text) != nil || IPRange(text) != nil, path, "\"\(text)\" is no address or range")
  }

  /// A name without wildcard.
  mutating func fqdn(_ name: String, _ path: FieldPath) {
    require(Names.isDomain(name), path, "\"\(name)\" is not a domain name")
  }

  /// A name, or a pattern whose first label may be or begin with `*`.
  mutating func wildcardDomain(_ name: String, _ path: FieldPath) {
    require(
      Names.isWildcardDomain(name), path,
      name.isEmpty ? "must not be empty" : "\"\(name)\" is not a domain name")
  }

  /// Labels as Kubernetes has them.
  mutating func labels(_ labels: [String: String], _ path: FieldPath) {
    for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
      require(Names.isLabelKey(key), path[key], "\"\(key)\" is not a label's key")
      require(Names.isLabelValue(value), path[key], "\"\(value)\" is not a label's value")
    }
  }

  /// The name of a port.
  mutating func portName(_ name: String, _ path: FieldPath) {
    require(Names.isDNSLabel(name), path, "\"\(name)\" is not a name of a port")
  }

  /// To whom an object is shown.
  mutating func exportTo(_ names: [String], namespace: String, allowsNone: Bool, _ path: FieldPath)
  {
    var seen: Set<String> = []
    for (index, name) in names.enumerated() {
      let here = path[index]
      require(
        seen.insert(name == namespace ? "." : name).inserted, here, "\"\(name)\" is given twice")
      switch name {
      case ".", "*": break
      case "~": require(allowsNone, here, "\"~\" is for ServiceEntries only")
      default: require(Names.isDNSLabel(name), here, "\"\(name)\" is not a namespace")
      }
    }
    require(
      names.count < 2 || !names.contains("*"), path, "\"*\" stands alone")
    require(
      names.count < 2 || !names.contains("~"), path, "\"~\" stands alone")
  }
}

extension FieldPath {
  /// The path of a member.
  subscript(key: String) -> FieldPath { appending(key: key) }
  /// The path of an element.
  subscript(index: Int) -> FieldPath { appending(index: index) }
}
