// SPDX-License-Identifier: Apache-2.0

import StateDirectory

/// Where names are looked up that the mesh does not know: resolv.conf(5).
struct ResolverSettings: Equatable, Sendable {
  /// The addresses of the name servers, in their order.
  var servers: [String] = []
  /// The search domains, in their order, without a dot at the end.
  var search: [String] = []

  /// The servers and domains of a file's text; the last of `search` and `domain` counts.
  init(parsing text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard let word = words.first, words.count > 1 else { continue }
      let values = words.dropFirst().map { String($0).lowercased() }
      switch word {
      case "nameserver": servers.append(values[0])
      case "search": search = values.map(ResolverSettings.withoutDot)
      case "domain": search = [ResolverSettings.withoutDot(values[0])]
      default: break
      }
    }
  }

  /// The settings of a file.
  init(file: String) throws(FileError) {
    self.init(parsing: String(decoding: try FileBytes.read(file), as: UTF8.self))
  }

  private static func withoutDot(_ domain: String) -> String {
    domain.hasSuffix(".") ? String(domain.dropLast()) : domain
  }
}
