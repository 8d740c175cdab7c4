// SPDX-License-Identifier: Apache-2.0

import Logging
import Testing

@Suite struct LogLevelTests {
  @Test func rulesInOrder() throws {
    let rules = try LogLevelRules(parsing: "warn,ads:debug,all:error,push:none")
    #expect(rules.level(of: "default") == .error)
    #expect(rules.level(of: "ads") == .error)
    #expect(rules.level(of: "push") == LogLevel.none)
    #expect(try LogLevelRules(parsing: "").level(of: "default") == nil)
    #expect(try LogLevelRules(parsing: "debug").level(of: "default") == .debug)
    #expect(try LogLevelRules(parsing: "debug").level(of: "ads") == nil)
  }

  @Test func badRulesAreNamed() {
    #expect(throws: LogError.unknownLevel("loud")) { try LogLevelRules(parsing: "ads:loud") }
    #expect(throws: LogError.invalidLevelRule("a:b:info")) {
      try LogLevelRules(parsing: "a:b:info")
    }
    var options = LogOptions()
    options.outputLevel = "Info"
    #expect(throws: LogError.unknownLevel("Info")) { try LogSystem(options, sinks: []) }
  }

  @Test func levelsNameThemselves() {
    for level in LogLevel.allCases { #expect(LogLevel(name: level.name) == level) }
  }

  @Test func levelChangesAtRunTime() throws {
    let sink = MemoryLogSink()
    let logs = try LogSystem(sinks: [sink])
    let ads = logs.scope("ads", "xDS streams")
    ads.debug("hidden")
    logs.apply(try LogLevelRules(parsing: "ads:debug"))
    ads.debug("shown")
    logs.scopes.first { $0.name == "ads" }?.outputLevel = .none
    ads.fatal("hidden too")
    #expect(sink.lines.count == 1)
    #expect(sink.lines[0].hasSuffix("\tdebug\tads\tshown"))
  }

  @Test func scopesAreListed() throws {
    let logs = try LogSystem(sinks: [])
    _ = (logs.scope("push", "Pushes"), logs.scope("ads"), logs.scope("push", "again"))
    #expect(logs.scopes.map(\.name) == ["ads", "push"])
    #expect(logs.scopes.map(\.summary) == ["", "Pushes"])
    #expect(logs.scope("grpc").scope.outputLevel == .none)
  }

  @Test func messagesAreNotEvaluatedWhenOff() throws {
    let logger = try LogSystem(sinks: []).scope("ads")
    var evaluated = 0
    func count() -> String {
      evaluated += 1
      return "x"
    }
    logger.debug(count(), ["k": .string(count())])
    #expect(evaluated == 0)
    logger.info(count(), ["k": .string(count())])
    #expect(evaluated == 2)
  }
}
