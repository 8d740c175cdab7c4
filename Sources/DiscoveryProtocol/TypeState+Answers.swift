// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// ACK and NACK: what an answer of the client says about what it has.
extension TypeState {
  /// Takes an answer of a delta client, which concerns one response.
  ///
  /// Returns the responses that no longer wait, oldest first; none if the nonce is not waited for.
  mutating func concludeDelta(
    nonce: String, error: NackDetail?, at now: Duration
  ) -> [SentResponse] {
    guard let index = outstanding.firstIndex(where: { $0.nonce == nonce }) else { return [] }
    let response = outstanding.remove(at: index)
    conclude(response, error: error, at: now)
    if error != nil, !response.changes.changed.isEmpty {
      // What it removed is removed again by itself, in case the client refused the whole.
      owed.formUnion(wanted(response.changes).removed.filter { sent[$0] == nil })
    }
    return [response]
  }

  /// Takes an answer of a state-of-the-world client, which covers all earlier responses.
  ///
  /// A rejection says with its version which earlier response was accepted last; those between
  /// were overtaken.
  mutating func concludeSotW(
    nonce: String, version: String, error: NackDetail?, at now: Duration
  ) -> [SentResponse] {
    guard let index = outstanding.firstIndex(where: { $0.nonce == nonce }) else { return [] }
    let concluded = Array(outstanding[...index])
    outstanding.removeSubrange(...index)
    var accepted = concluded.count - 1
    if error != nil {
      accepted = (concluded.dropLast().lastIndex { $0.version == version } ?? -1) + 1
    }
    // Who accepts a full set accepts all in it, also what was rejected before.
    if type.isFullState, accepted > 0 || error == nil { rejected = [:] }
    for response in concluded[..<accepted] { conclude(response, error: nil, at: now) }
    if var last = concluded.last {
      for overtaken in concluded[accepted...].dropLast().reversed() {
        last.changes.absorb(overtaken.changes)
      }
      conclude(last, error: error, at: now)
    }
    return concluded
  }

  private mutating func conclude(
    _ response: SentResponse, error: NackDetail?, at now: Duration
  ) {
    isSettled = true
    if let error {
      reject(response, error, at: now)
    } else {
      accept(response)
    }
  }

  private mutating func accept(_ response: SentResponse) {
    lastAcked = response.summary
    // Mostly the client has after this just what was sent with it.
    if rejected.isEmpty, let step = response.step, acked.isIdentical(to: step.before) {
      lastError = nil
      acked = step.after
      return
    }
    let changes = wanted(response.changes)
    for name in changes.changed.map(\.name) + changes.removed { rejected[name] = nil }
    if rejected.isEmpty { lastError = nil }
    if let full = response.full {
      acked = full
      return
    }
    acked.apply(changed: changes.changed, removed: changes.removed)
    if outstanding.isEmpty, acked.elements == sent.elements { acked = sent }
  }

  private mutating func reject(
    _ response: SentResponse, _ error: NackDetail, at now: Duration
  ) {
    let changes = wanted(response.changes)
    for resource in changes.changed { rejected[resource.name] = resource }
    lastError = TypeStatus.Failure(
      nonce: response.nonce, detail: error, at: now, names: changes.changed.map(\.name),
      generation: response.generation)
    if face == .delta { split(changes.changed) }
  }

  /// Has both halves of what was rejected together sent again apart, until what is refused stands
  /// alone.
  private mutating func split(_ resources: [EncodedResource]) {
    guard resources.count > 1 else { return }
    let middle = resources.count / 2
    suspects = [Array(resources[..<middle]), Array(resources[middle...])] + suspects
  }

  /// The next part of a rejected response that still says what the client should have.
  mutating func takeSuspects() -> [EncodedResource] {
    while !suspects.isEmpty {
      let part = suspects.removeFirst().filter { resource in
        rejected[resource.name] == resource && sent[resource.name] == resource
      }
      if !part.isEmpty { return part }
    }
    return []
  }

  /// Without what the client has unsubscribed meanwhile.
  private func wanted(_ changes: ResourceChanges) -> ResourceChanges {
    ResourceChanges(
      changed: changes.changed.filter { subscription.covers($0.name) },
      removed: changes.removed.filter(subscription.covers))
  }
}
