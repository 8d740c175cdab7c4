// SPDX-License-Identifier: Apache-2.0

/// A number in Go's shortest `g` form, which Prometheus' own libraries write: `0.01`, `1e+06`.
///
/// The text of a bucket's bound is part of its series' identity, so it must be the same text.
func formatNumber(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
  if value == 0 { return "0" }
  let (digits, exponent) = shortestDigits(value.magnitude)
  let sign = value < 0 ? "-" : ""
  if exponent < -4 || exponent >= 6 { return sign + scientific(digits, exponent) }
  return sign + positional(digits, exponent)
}

/// The shortest decimal digits that read back as `value`, and the power of ten of the first one.
private func shortestDigits(_ value: Double) -> (digits: [Character], exponent: Int) {
  let parts = value.description.split(separator: "e")
  let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
  let whole = Array(mantissa[0])
  let fraction = mantissa.count > 1 ? Array(mantissa[1]) : []
  var digits = whole + fraction
  var exponent = whole.count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
  while digits.count > 1, digits.first == "0" {
    digits.removeFirst()
    exponent -= 1
  }
  while digits.count > 1, digits.last == "0" { digits.removeLast() }
  return (digits, exponent)
}

private func scientific(_ digits: [Character], _ exponent: Int) -> String {
  let fraction = digits.count > 1 ? "." + String(digits[1...]) : ""
  let power = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
  return String(digits[0]) + fraction + (exponent < 0 ? "e-" : "e+") + power
}

private func positional(_ digits: [Character], _ exponent: Int) -> String {
  if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + String(digits) }
  let padding = max(0, exponent + 1 - digits.count)
  let padded = digits + Array(repeating: "0", count: padding)
  let fraction = padded[(exponent + 1)...]
  return String(padded[...exponent]) + (fraction.isEmpty ? "" : "." + String(fraction))
}
