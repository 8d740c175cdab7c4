// SPDX-License-Identifier: Apache-2.0

import Flags
import Glibc
import JSON
import YAML

/// Asks a page by HTTP: method and URL in, the body of a success out.
typealias Fetch = @Sendable (_ method: String, _ url: String) async throws -> [UInt8]

/// Where pages are asked.
enum Origin {
  /// The control plane's debug pages.
  static let daemonFlag = Flag(
    "istiod", .text, "http://127.0.0.1:8080", "The control plane's debug pages")
  /// An Envoy's admin pages.
  static let envoyFlag = Flag("envoy", .text, "", "An Envoy's admin page, such as 127.0.0.1:15000")
  static let fileFlag = Flag(
    "file", .text, "", short: "f", "A dump in a file, - for the standard input")
  static let outputFlag = Flag("output", .text, "table", short: "o", "table, json or yaml")
  /// istioctl's flags for finding the control plane and the proxies by an API server, which scripts
  /// give: whatever they say, pages are asked where the flags above say.
  static let habits: [Flag] = [
    ("kubeconfig", Character?("c"), Flag.Kind.text), ("context", nil, .text),
    ("istioNamespace", "i", .text),
    ("revision", "r", .text), ("xds-address", nil, .text), ("xds-label", nil, .text),
    ("xds-port", nil, .number), ("cert-dir", nil, .text), ("authority", nil, .text),
    ("timeout", nil, .duration), ("insecure", nil, .truth), ("plaintext", nil, .truth),
    ("proxy-admin-port", nil, .number), ("vklog", nil, .text),
  ].map { name, short, kind in
    let standard = kind == .truth ? "false" : ""
    return Flag(name, kind, standard, short: short, "istioctl's: has no effect here")
  }

  /// An address as a URL.
  static func url(_ address: String, _ path: String) -> String {
    let whole = address.contains("://") ? address : "http://" + address
    return (whole.hasSuffix("/") ? String(whole.dropLast()) : whole) + path
  }

  /// A query's value as a URL has it.
  static func escaped(_ text: String) -> String {
    let plain = Set(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if plain.contains(byte) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension CommandContext {
  /// A page of the control plane.
  func daemon(_ path: String, method: String = "GET") async throws -> [UInt8] {
    try await fetch(method, Origin.url(line["istiod"], path))
  }

  /// A page of the control plane, as JSON.
  func daemonJSON(_ path: String) async throws -> JSONValue {
    try JSONValue(parsing: try await daemon(path), limits: Self.limits)
  }

  /// A page of an Envoy, as JSON.
  func envoyJSON(_ path: String) async throws -> JSONValue {
    try JSONValue(
      parsing: try await fetch("GET", Origin.url(line["envoy"], path)), limits: Self.limits)
  }

  /// The file that `--file` names, as JSON.
  func fileJSON() throws -> JSONValue {
    try JSONValue(parsing: try InputFile.read(line["file"]), limits: Self.limits)
  }

  /// Dumps of large meshes are large.
  private static var limits: JSONLimits { JSONLimits(bytes: 1 << 30, depth: 200) }

  /// A table, or the values that it is of.
  func output(_ table: @autoclosure () -> String, _ value: @autoclosure () -> JSONValue)
    throws(FlagError) -> String
  {
    switch line["output"] {
    case "table", "short", "": return table()
    case "json": return value().text(JSONFormat(indent: 4)) + "\n"
    case "yaml": return YAML.text(of: value())
    default: throw FlagError("The flag --output cannot be \"\(line["output"])\".")
    }
  }
}

/// Files that the command line names.
enum InputFile {
  /// The whole of a file; `-` is the standard input.
  static func read(_ path: String) throws(FlagError) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &part, part.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(path) }
      if count == 0 { return bytes }
      bytes += part[..<count]
    }
  }

  private static func failure(_ path: String) -> FlagError {
    FlagError("\(path) cannot be read: \(String(cString: strerror(errno))).")
  }
}
