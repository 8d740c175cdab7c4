// SPDX-License-Identifier: Apache-2.0

public import JSON

extension Duration: ProtoValue {
  /// No time.
  public static var protoDefault: Duration { .zero }

  /// A text such as `1.5s`, or of several units as Go writes them: `1h30m`, `250ms`.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Duration {
    guard case .string(let text) = json, let duration = Duration(protoText: text) else {
      throw decoder.mismatch("a duration such as \"1.5s\"", json)
    }
    return duration
  }

  /// Seconds with as many decimals as they need: `1.5s`.
  public var json: JSONValue { .string(protoText) }

  /// The duration that `text` means in protobuf's JSON or in Go; nil where it means none.
  ///
  /// Digits below a nanosecond are dropped; what 64 bits of nanoseconds cannot hold is refused.
  public init?(protoText text: String) {
    var rest = text.utf8[...]
    let negative = rest.first == UInt8(ascii: "-")
    if negative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    if rest.elementsEqual("0".utf8) {
      self = .zero
      return
    }
    guard !rest.isEmpty else { return nil }
    var total: Int64 = 0
    while !rest.isEmpty {
      guard let part = Self.takePart(&rest) else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(part)
      guard !overflow else { return nil }
      total = sum
    }
    self = .nanoseconds(negative ? -total : total)
  }

  /// Seconds with as many decimals as they need: `1.5s`.
  public var protoText: String {
    let (seconds, attoseconds) = components
    let nanoseconds = (attoseconds / 1_000_000_000).magnitude
    let sign = seconds < 0 || attoseconds < 0 ? "-" : ""
    guard nanoseconds > 0 else { return "\(sign)\(seconds.magnitude)s" }
    var decimals = String(nanoseconds + 1_000_000_000).dropFirst()
    while decimals.hasSuffix("000") { decimals.removeLast(3) }
    return "\(sign)\(seconds.magnitude).\(decimals)s"
  }

  /// Takes a number and its unit off `rest`; their nanoseconds.
  private static func takePart(_ rest: inout Substring.UTF8View) -> Int64? {
    let digits = take(&rest, while: isDigit)
    var decimals: [UInt8] = []
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      decimals = take(&rest, while: isDigit)
    }
    let name = take(&rest) { !isDigit($0) && $0 != UInt8(ascii: ".") }
    guard !digits.isEmpty || !decimals.isEmpty, let unit = unit(name) else { return nil }
    var value: Int64 = 0
    for digit in digits {
      let (tens, high) = value.multipliedReportingOverflow(by: 10)
      let (next, low) = tens.addingReportingOverflow(Int64(digit - 48))
      guard !high, !low else { return nil }
      value = next
    }
    let (whole, overflow) = value.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    var fraction: Int64 = 0
    var scale = unit
    for digit in decimals.prefix(18) {
      // The remainder of each place goes on to the next, so that no nanosecond is lost.
      fraction += scale / 10 * Int64(digit - 48) + scale % 10 * Int64(digit - 48) / 10
      scale /= 10
    }
    let (sum, tooMuch) = whole.addingReportingOverflow(fraction)
    return tooMuch ? nil : sum
  }

  private static func take(
    _ rest: inout Substring.UTF8View, while matches: (UInt8) -> Bool
  ) -> [UInt8] {
    let taken = rest.prefix(while: matches)
    rest = rest[taken.endIndex...]
    return Array(taken)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

  private static func unit(_ name: [UInt8]) -> Int64? {
    switch String(decoding: name, as: UTF8.self) {
    case "ns": 1
    case "us", "µs", "μs": 1_000
    case "ms": 1_000_000
    case "s": 1_000_000_000
    case "m": 60_000_000_000
    case "h": 3_600_000_000_000
    default: nil
    }
  }
}
