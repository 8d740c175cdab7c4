// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON

/// A change of the mesh's root, as the replicas of a control plane tell of it.
private struct RotationStatus {
  var phase: String
  var waiting: [String]
  var excluded: [String]
  var proxies: Int64
  var finished: Int64
  /// For how many seconds more proxies may come back after a start.
  var returning: Int64
  var text: String

  /// What one replica tells.
  init(_ page: JSONValue, at address: String) {
    let names = { (member: String) in page[member]?.array?.compactMap(\.string) ?? [] }
    phase = page["phase"]?.string ?? ""
    waiting = names("waiting")
    excluded = names("excluded")
    proxies = page["proxies"]?.integer ?? 0
    finished = page["finished"]?.integer ?? 0
    returning = phase == "none" ? 0 : page["returning"]?.integer ?? 0
    var lines = ["\(address): \(RotationStatus.words[phase] ?? phase)"]
    for root in page["roots"]?.array ?? [] {
      let signs = root["signs"]?.bool == true ? ", signs" : ""
      lines.append("  root \(root["serial"]?.string ?? "") is trusted\(signs)")
    }
    if phase != "none" {
      lines.append("  \(proxies) proxies are connected; \(waiting.count) are waited for")
      if returning > 0 {
        lines.append("  it has just started: proxies may still come back")
      }
      lines += waiting.map { "    waiting for \($0)" }
      lines += excluded.map { "    nobody waits for \($0)" }
    }
    text = lines.map { $0 + "\n" }.joined()
  }

  private static let words = [
    "none": "no rotation is under way",
    "distributing": "distributing: the new root goes to all proxies, the old one signs",
    "signing": "signing: the new root signs, certificates of the old one run out",
    "reverting": "reverting: the old root signs again, certificates of the new one run out",
  ]
}

extension Command {
  /// All that `ca rotate` can be asked.
  static let rotation: [Command] = [
    Command(
      name: "ca rotate",
      help: "Change the mesh's root step by step, waiting for every proxy; goes on where it stood",
      flags: [replicas, Flag("timeout", .duration, "24h", "How long each step may take")]
    ) { try await $0.rotate() },
    Command(
      name: "ca rotate status", help: "Show how far a change of the mesh's root is",
      flags: [replicas]
    ) { context in
      try await context.statuses().map(\.text).joined()
    },
    step("start", "Begin a change of the mesh's root: the new one goes to all proxies"),
    step("next", "Take the next step of a change of the root, where nobody is waited for"),
    step("abort", "Go back to the old root"),
    Command(
      name: "ca rotate exclude", operands: ["PROXY"],
      help: "Wait for a proxy (NAME.NAMESPACE) no longer", flags: [replicas]
    ) { context in
      guard !context.operand.isEmpty else {
        throw FlagError("Which proxy? Name it: NAME.NAMESPACE.")
      }
      try await context.take("exclude&proxy=" + Origin.escaped(context.operand))
      return try await context.statuses().map(\.text).joined()
    },
  ]

  private static let replicas = Flag(
    "istiod", .text, "http://127.0.0.1:8080",
    "The debug pages of every replica of the control plane, with commas between them")

  private static func step(_ name: String, _ help: String) -> Command {
    Command(name: "ca rotate \(name)", help: help, flags: [replicas]) { context in
      if name == "next" { try context.checkAgreement(try await context.statuses()) }
      try await context.take(name)
      return try await context.statuses().map(\.text).joined()
    }
  }
}

extension CommandContext {
  private static let page = "/debug/ca_rotation"

  private var addresses: [String] { line["istiod"].split(separator: ",").map(String.init) }

  fileprivate func statuses() async throws -> [RotationStatus] {
    var found: [RotationStatus] = []
    for address in addresses {
      let body = try await fetch("GET", Origin.url(address, Self.page))
      found.append(RotationStatus(try JSONValue(parsing: body), at: address))
    }
    guard !found.isEmpty else { throw FlagError("The flag --istiod is needed.") }
    return found
  }

  /// Takes a step at the first replica; the others follow.
  fileprivate func take(_ step: String) async throws {
    guard let first = addresses.first else { throw FlagError("The flag --istiod is needed.") }
    _ = try await fetch("PUT", Origin.url(first, Self.page + "?step=" + step))
  }

  /// Every replica must be as far as the others, and wait for nobody.
  fileprivate func checkAgreement(_ statuses: [RotationStatus]) throws {
    guard Set(statuses.map(\.phase)).count == 1 else {
      throw FlagError("The replicas are not equally far yet: try again in a moment.")
    }
    let waiting = statuses.flatMap(\.waiting)
    guard waiting.isEmpty else {
      throw FlagError(
        "The rotation waits for \(waiting.joined(separator: ", ")). To go on without one: "
          + "navarchctl ca rotate exclude NAME.NAMESPACE.")
    }
    if let pause = statuses.map(\.returning).max(), pause > 0 {
      throw FlagError(
        "The control plane has just started, and proxies may still come back: \(pause) s more.")
    }
  }

  /// Goes through all steps from where the rotation stands.
  fileprivate func rotate() async throws -> String {
    guard let timeout = line.duration("timeout") else {
      throw FlagError("The flag --timeout cannot be \"\(line["timeout"])\".")
    }
    var shown = ""
    if try await statuses().allSatisfy({ $0.phase == "none" }) { try await take("start") }
    var deadline = ContinuousClock.now + timeout
    while true {
      let statuses = try await statuses()
      let text = statuses.map(\.text).joined()
      if text != shown { say(text) }
      shown = text
      if statuses.allSatisfy({ $0.phase == "none" }) { return "The rotation is finished.\n" }
      let agree = Set(statuses.map(\.phase)).count == 1
      if agree, statuses.allSatisfy({ $0.waiting.isEmpty && $0.returning == 0 }) {
        try await take("next")
        deadline = .now + timeout
        continue
      }
      guard ContinuousClock.now < deadline else {
        throw FlagError(
          "The rotation still waits, after \(line["timeout"]). It stays as it is: run this command "
            + "again, exclude who is waited for, or abort it.")
      }
      try await ContinuousClock().sleep(for: .seconds(1))
    }
  }
}
