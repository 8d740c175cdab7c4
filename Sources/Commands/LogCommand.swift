// SPDX-License-Identifier: Apache-2.0

import Flags
import Inspection
import JSON

extension Command {
  /// `admin log`: the levels of the control plane's log scopes, shown or changed.
  static let adminLog = Command(
    name: "admin log", help: "Show the control plane's log levels, or change them",
    flags: [
      Flag("level", .text, "", "Levels to set: scope:level,…, or one level for the default scope"),
      Flag("reset", .truth, "false", "Set every scope to info"),
      Origin.daemonFlag, Origin.outputFlag,
    ]
  ) { context in
    let reset = context.line.isTrue("reset")
    let level = context.line["level"]
    guard !reset || level.isEmpty else { throw FlagError("Of --level and --reset only one goes.") }
    let wanted = reset ? "all:info" : level
    if !wanted.isEmpty {
      _ = try await context.daemon("/debug/logging?level=" + Origin.escaped(wanted), method: "PUT")
    }
    let page = try await context.daemonJSON("/debug/logging")
    let rows = (page.array ?? []).map { scope in
      ["name", "description", "output_level", "stack_trace_level"].map { scope[$0]?.string ?? "" }
    }
    let table = TextTable(
      ["ACTIVE SCOPE", "DESCRIPTION", "LOG LEVEL", "STACK TRACE LEVEL"], rows)
    return try context.output(table.text, page)
  }
}
