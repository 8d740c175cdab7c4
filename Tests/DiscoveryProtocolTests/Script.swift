// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

/// Drives one machine by hand and writes down what it does, a line an action.
///
/// A response reads `cds a=v1,b=v1 -c` (resources with the first word of their text, removals).
struct Script {
  var machine: StreamMachine
  var world = World()
  var now = Duration.zero
  var responses: [StreamResponse] = []
  var records: [StreamRecord] = []
  var deadlines: [StreamDeadline: Duration] = [:]
  var error: StreamError?

  init(_ face: StreamMachine.Face, limits: StreamLimits = StreamLimits()) {
    machine = StreamMachine(face: face, noncePrefix: "n", limits: limits)
  }

  @discardableResult mutating func push(
    _ scope: PushScope = .everything, generation: UInt64 = 0
  ) -> [String] {
    handle(.push(world.view(), scope: scope, origin: now, generation: generation))
  }

  @discardableResult mutating func ask(
    _ type: ResourceType, _ names: [String] = [], unsubscribe: [String] = [],
    having: [String: String] = [:], nonce: String = "", error: NackDetail? = nil
  ) -> [String] {
    if machine.face == .sotw {
      return handle(.sotw(SotWRequest(type, nonce: nonce, names: names, error: error)))
    }
    return handle(
      .delta(
        DeltaRequest(
          type, nonce: nonce, subscribe: names, unsubscribe: unsubscribe, initialVersions: having,
          error: error)))
  }

  /// Acknowledges the last response of a type; in state of the world with the client's names.
  @discardableResult mutating func ack(
    _ type: ResourceType, _ names: [String] = [], error: NackDetail? = nil
  ) -> [String] {
    ask(type, names, nonce: last(type)?.nonce ?? "none", error: error)
  }

  @discardableResult mutating func nack(_ type: ResourceType, _ names: [String] = []) -> [String] {
    ack(type, names, error: NackDetail(message: "no"))
  }

  func last(_ type: ResourceType) -> StreamResponse? { responses.last { $0.type == type } }

  /// Lets time pass, and delivers the deadlines in their order.
  @discardableResult mutating func wait(_ time: Duration) -> [String] {
    let end = now + time
    var lines: [String] = []
    while let next = deadlines.min(by: { $0.value < $1.value }), next.value <= end {
      deadlines[next.key] = nil
      now = next.value
      lines += handle(.deadline(next.key))
    }
    now = end
    return lines
  }

  mutating func handle(_ event: StreamEvent) -> [String] {
    var lines: [String] = []
    for action in machine.handle(event, at: now) {
      switch action {
      case .send(let response):
        responses.append(response)
        lines.append(describe(response))
      case .setDeadline(let deadline, let after): deadlines[deadline] = now + after
      case .record(let record): records.append(record)
      case .closeWithError(let error): self.error = error
      }
    }
    return lines
  }

  func status(_ type: ResourceType) -> TypeStatus? {
    machine.status.first { $0.type == type }
  }
}

func describe(_ response: StreamResponse) -> String {
  let resources = response.resources.map { resource in
    resource.name + "=" + text(resource).prefix { $0 != " " }
  }
  var line = response.type.shortName
  if !resources.isEmpty { line += " " + resources.joined(separator: ",") }
  for name in response.removed { line += " -" + name }
  return line
}
