// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import Logging

/// `/debug/logging`: the levels of the log scopes; a `PUT` with `?level=scope:level,…`, as
/// `--log_output_level` takes it, changes them until the end of the process.
enum LoggingPage {
  /// The scopes by name, after the change where there is one.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    if request.method == .put,
      let refusal = change(request.query("level") ?? "", sources.logs)
    {
      return refusal
    }
    let rows = (sources.logs?.scopes ?? []).map { scope -> JSONValue in
      var row = JSONFields()
      row.add("name", scope.name)
      row.add("description", scope.summary)
      row.add("output_level", scope.outputLevel.name)
      row.add("stack_trace_level", scope.stackTraceLevel.name)
      return row.value
    }
    return .json(.array(rows), for: request)
  }

  /// Sets levels; the refusal where they cannot be.
  private static func change(_ text: String, _ logs: LogSystem?) -> HTTPResponse? {
    guard let logs else {
      return .refusal(503, "This control plane's log levels cannot be set.")
    }
    guard !text.isEmpty else {
      return .refusal(400, "You must provide a level in the query string, such as ads:debug.")
    }
    do throws(LogError) {
      let rules = try LogLevelRules(parsing: text)
      let known = Set(logs.scopes.map(\.name) + [LogLevelRules.everyScope])
      if let unknown = rules.scopes.first(where: { !known.contains($0) }) {
        let names = known.sorted().joined(separator: ", ")
        return .refusal(400, "There is no log scope \(unknown). The scopes are \(names).")
      }
      logs.apply(rules)
      return nil
    } catch {
      return .refusal(400, error.description)
    }
  }
}
