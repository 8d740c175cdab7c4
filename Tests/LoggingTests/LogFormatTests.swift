// SPDX-License-Identifier: Apache-2.0

import Logging
import Testing

@Suite struct LogFormatTests {
  let sink = MemoryLogSink()

  func system(_ change: (inout LogOptions) -> Void = { _ in }) throws -> LogSystem {
    var options = LogOptions()
    change(&options)
    return try LogSystem(options, sinks: [sink]) {
      LogTime(seconds: 1_787_410_818, microseconds: 123_456)
    }
  }

  @Test func consoleLine() throws {
    let logs = try system()
    logs.scope("ads").info("new connection")
    logs.scope().warn("slow", ["node": "a.b", "size": 3, "ratio": 0.5, "ok": true])
    #expect(
      sink.lines == [
        "2026-08-22T15:00:18.123456Z\tinfo\tads\tnew connection",
        "2026-08-22T15:00:18.123456Z\twarn\tslow\tnode=a.b size=3 ratio=0.5 ok=true",
      ])
  }

  @Test func jsonLine() throws {
    let logs = try system { $0.format = .json }
    logs.scope("ads").with(["node": "x"]).error("a \"b\"\\\n\u{1}é", ["n": 3, "x": .double(.nan)])
    logs.scope().info("plain")
    let time = "2026-08-22T15:00:18.123456Z"
    #expect(
      sink.lines == [
        #"{"level":"error","time":"\#(time)","scope":"ads","msg":"a \"b\"\\\n\u0001é","#
          + #""node":"x","n":3,"x":"nan"}"#,
        #"{"level":"info","time":"\#(time)","msg":"plain"}"#,
      ])
  }

  @Test func consoleCannotBeForged() throws {
    try system().scope("ads").warn("bad\n2026-01-01\tinfo\u{1B}[0m\r")
    #expect(sink.lines.count == 1)
    #expect(sink.lines[0].hasSuffix("\tads\tbad\\n2026-01-01\tinfo\\x1b[0m\\r"))
  }

  @Test func callerIsWritten() throws {
    let logs = try system { $0.caller = "ads" }
    logs.scope("ads").info("here", file: "Room/File.swift", line: 12)
    logs.scope("push").info("there")
    #expect(sink.lines[0].hasSuffix("\tinfo\tads\tRoom/File.swift:12\there"))
    #expect(sink.lines[1].hasSuffix("\tinfo\tpush\tthere"))
  }

  @Test func stackIsWritten() throws {
    let logs = try system {
      $0.stackTraceLevel = "ads:error"
      $0.format = .json
    }
    logs.scope("ads").warn("no stack")
    logs.scope("ads").error("stack")
    #expect(!sink.lines[0].contains("\"stack\":"))
    #expect(sink.lines[1].contains("\"stack\":\""))
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000000Z"), (951_782_400, "2000-02-29T00:00:00.000000Z"),
    (1_709_251_199, "2024-02-29T23:59:59.000000Z"), (-1, "1969-12-31T23:59:59.000000Z"),
    (4_102_444_800, "2100-01-01T00:00:00.000000Z"),
  ])
  func calendar(seconds: Int64, text: String) throws {
    try LogSystem(sinks: [sink]) { LogTime(seconds: seconds) }.scope().info("x")
    #expect(sink.lines == ["\(text)\tinfo\tx"])
  }
}
