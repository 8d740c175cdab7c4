// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Testing

@Suite struct LogSinkTests {
  let path = NSTemporaryDirectory() + "navarch-log-\(UUID().uuidString)"

  @Test func linesOfManyTasksStayWhole() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    var options = LogOptions()
    options.targets = [path]
    let logs = try LogSystem(options)
    let text = String(repeating: "x", count: 10_000)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask { for _ in 0..<20 { logs.scope("s\(task)").info(text) } }
      }
    }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 160)
    #expect(lines.allSatisfy { $0.hasSuffix("\t" + text) && $0.utf8.count < 10_050 })
  }

  @Test func fileIsAppendedTo() throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("before\n".utf8).write(to: URL(fileURLWithPath: path))
    try FileDescriptorLogSink(path: path).write(Array("after\n".utf8))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "before\nafter\n")
  }

  @Test func unopenableFileIsNamed() {
    let missing = path + "/no/file"
    #expect(throws: LogError.cannotOpen(path: missing, reason: "No such file or directory")) {
      try FileDescriptorLogSink(target: missing)
    }
  }
}
