// SPDX-License-Identifier: Apache-2.0

import Analysis
import Configuration
import HTTPServer
import JSON
import MeshModel

/// `/debug/diagnostics`: all that is to be said of the configuration, the worst first; of one namespace
/// with `namespace`, at or above a level with `level` (`info`, `warning`, `error`).
enum DiagnosticsPage {
  /// The notices as JSON, each with its object.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    var least = AnalysisMessage.Level.info
    if let written = request.query("level") {
      let known = AnalysisMessage.Level.allCases
      guard let level = known.first(where: { $0.rawValue.lowercased() == written.lowercased() })
      else {
        let words = known.map { $0.rawValue.lowercased() }.joined(separator: ", ")
        return .refusal(400, "There is no level \(written). The levels are \(words).")
      }
      least = level
    }
    let namespace = request.query("namespace") ?? ""
    let notices = Notice.all(sources).filter { notice in
      notice.level >= least && (namespace.isEmpty || notice.key?.namespace == namespace)
    }
    let sorted = AnalysisMessage.Level.allCases.reversed().flatMap { level in
      notices.filter { $0.level == level }
    }
    let rows = sorted.map { notice -> JSONValue in
      var fields = JSONFields()
      if let key = notice.key {
        fields.add("object", objectJSON(key) { sources.servedVersion($0)?.generation })
      }
      var row = fields.value.object ?? JSONObject()
      for member in notice.json.object?.members ?? [] { row[member.key] = member.value }
      return .object(row)
    }
    return .json(.array(rows), for: request)
  }
}
