// SPDX-License-Identifier: Apache-2.0

import NameResolution

/// The names of network gateways as the pipeline follows them, and what waits for their addresses.
struct GatewayNames {
  /// How long the first push waits for DNS.
  static let patience = Duration.seconds(5)

  private enum FirstPush {
    case pending
    case held(until: Duration)
    case done
  }

  private var cache: NameCache
  private var questions: [String] = []
  private var firstPush = FirstPush.pending

  init(_ lifetimes: NameCache.Lifetimes) { cache = NameCache(lifetimes) }

  /// The addresses by name.
  var addresses: [String: [String]] { cache.addresses }

  /// Follows these names; the first time, a push waits for their answers.
  mutating func follow(_ names: Set<String>, at now: Duration) {
    questions += cache.follow(names)
    if case .pending = firstPush {
      firstPush = cache.isWaiting ? .held(until: now + GatewayNames.patience) : .done
    }
  }

  /// Takes an answer; whether addresses differ.
  mutating func take(_ answer: NameAnswer, for name: String, at now: Duration) -> Bool {
    cache.take(answer, for: name, at: now)
  }

  /// Asks anew for what has lived its time.
  mutating func refresh(at now: Duration) { questions += cache.expired(at: now) }

  /// The names to ask for, each once.
  mutating func takeQuestions() -> [String] {
    defer { questions = [] }
    return questions
  }

  /// Whether the first push waits.
  func holdsFirstPush(at now: Duration) -> Bool {
    guard case .held(let end) = firstPush else { return false }
    return cache.isWaiting && now < end
  }

  /// Whether the first push has waited and need not any more; true once.
  mutating func releasesFirstPush(at now: Duration) -> Bool {
    guard case .held = firstPush, !holdsFirstPush(at: now) else { return false }
    firstPush = .done
    return true
  }

  /// When to come back; nil for never.
  var nextDeadline: Duration? {
    var times = [cache.nextDeadline]
    if case .held(let end) = firstPush { times.append(end) }
    return times.compactMap(\.self).min()
  }
}
