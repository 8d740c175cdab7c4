// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Flags

/// Flags as Go's pflag reads them.
struct FlagValuesTests {
  private let flags = [
    Flag("domain", .text, "cluster.local", "A name"),
    Flag("namespace", .text, "istio-system", short: "n", "A name with a letter"),
    Flag("log_as_json", .truth, "false", "A truth value"),
    Flag("profile", .truth, "true", "Another"),
    Flag("log_target", .list, "stdout", "A list"),
    Flag("shutdownDuration", .duration, "10s", "A duration"),
  ]

  @Test(
    "A value follows an equals sign or stands in the next argument",
    arguments: [["--domain=a.b"], ["--domain", "a.b"], ["discovery", "--domain=a.b"]])
  func values(arguments: [String]) throws {
    let line = try FlagValues(arguments, flags: flags)
    #expect(line["domain"] == "a.b")
    #expect(line.given == ["domain"])
  }

  @Test("A truth value stands alone and takes no next argument")
  func truth() throws {
    let line = try FlagValues(["--log_as_json", "discovery"], flags: flags)
    #expect(line.isTrue("log_as_json"))
    #expect(line.words == ["discovery"])
    #expect(
      !(try FlagValues(["--log_as_json=false"], flags: flags)).isTrue("log_as_json"))
  }

  @Test(
    "Short flags have their value attached or next", arguments: [["-nx"], ["-n", "x"], ["-n=x"]])
  func short(arguments: [String]) throws {
    #expect(try FlagValues(arguments, flags: flags)["namespace"] == "x")
  }

  @Test("Unknown flags are passed over with what seems their value")
  func unknown() throws {
    let line = try FlagValues(
      ["--bogus", "value", "--odd=1", "-z", "--domain=d", "--", "--domain=e"], flags: flags)
    #expect(line.unknown == ["--bogus", "--odd", "-z"])
    #expect(line["domain"] == "d")
    #expect(line.words == ["--domain=e"])
  }

  @Test("Lists grow when repeated")
  func lists() throws {
    let line = try FlagValues(
      ["--log_target=stdout", "--log_target", "stderr"], flags: flags)
    #expect(line["log_target"] == "stdout,stderr")
  }

  @Test(
    "A value that a flag cannot have is an error that names both",
    arguments: [["--shutdownDuration=soon"], ["--domain"], ["--profile=perhaps"]])
  func refused(arguments: [String]) {
    #expect(throws: FlagError.self) { try FlagValues(arguments, flags: flags) }
  }

  @Test(
    "Go's durations",
    arguments: [
      ("10s", Duration.seconds(10)), ("1h30m", .seconds(5400)), ("100ms", .milliseconds(100)),
      ("0", .zero), ("1.5s", .milliseconds(1500)), ("-2s", .seconds(-2)),
    ])
  func durations(text: String, expected: Duration) {
    #expect(GoDuration.parse(text) == expected)
  }

  @Test("Texts that are no durations", arguments: ["", "10", "s", "1x", "ten"])
  func noDurations(text: String) {
    #expect(GoDuration.parse(text) == nil)
  }
}
