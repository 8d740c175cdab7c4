// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesClient
import MeshModel

extension Reflector {
  // MARK: Lists

  mutating func take(_ page: ListPage, _ moment: Moment) -> [ReflectorAction] {
    guard phase == .listing else { return [] }
    for object in page.objects { incoming[object.key] = object }
    if !page.continue.isEmpty {
      let question = ReflectorRequest.Question.list(
        resourceVersion: "", continue: page.continue, limit: pageSize)
      return [request(question, moment, nil)]
    }
    resourceVersion = page.resourceVersion
    pageSize = settings.pageSize
    // A server that was slow once, or away, is not listed for ever.
    usesStreams = usesStreams || hasStreamed
    let actions = replace()
    return actions + [watch(moment)]
  }

  /// Makes what came in what is there: what is missing is gone.
  private mutating func replace() -> [ReflectorAction] {
    var change = ReflectorChange()
    for key in held.keys where incoming[key] == nil { change.removals.append(key) }
    change.removals.sort { $0.description < $1.description }
    for key in change.removals { held[key] = nil }
    for object in incoming.values.sorted(by: { $0.key.description < $1.key.description }) {
      note(object, in: &change)
    }
    incoming = [:]
    return told(change)
  }

  /// The change, that all is told where it is so for the first time, and that all is well.
  private mutating func told(_ change: ReflectorChange) -> [ReflectorAction] {
    var actions: [ReflectorAction] = change.isEmpty ? [] : [.change(change)]
    if !isSynced { actions.append(.synced) }
    isSynced = true
    return actions + recovered()
  }

  private mutating func recovered() -> [ReflectorAction] {
    guard isFailing else { return [] }
    isFailing = false
    return [.recovered]
  }

  /// Takes note of an object that is there, unless this version of it is known.
  private mutating func note(_ object: ReadObject, in change: inout ReflectorChange) {
    let known = held[object.key]
    let now = Held(uid: object.uid, resourceVersion: object.resourceVersion)
    guard now != known else { return }
    if let known, known.uid != object.uid { change.removals.append(object.key) }
    held[object.key] = now
    change.upserts.append(object.object)
  }

  // MARK: Watches

  mutating func opened(_ moment: Moment) -> [ReflectorAction] {
    if case .watching = phase { return recovered() }
    return []
  }

  mutating func take(_ events: [WatchEvent], _ moment: Moment) -> [ReflectorAction] {
    switch phase {
    case .streaming(let since): takeInitial(events, since, moment)
    case .watching(let since, _): takeChanges(events, since, moment)
    default: []
    }
  }

  /// Takes frames of a stream whose first part tells all that there is.
  private mutating func takeInitial(
    _ events: [WatchEvent], _ since: Duration, _ moment: Moment
  ) -> [ReflectorAction] {
    // A server that only watches tells no end, however much it tells.
    deadline = min(moment.now + settings.streamPatience, since + settings.streamPatience * 8)
    for (index, event) in events.enumerated() {
      switch event {
      case .upsert(let object): incoming[object.key] = object
      case .deletion(let key, _, _): incoming[key] = nil
      case .bookmark(_, endsInitialEvents: false): break
      case .bookmark(let version, endsInitialEvents: true):
        resourceVersion = version
        hasStreamed = true
        phase = .watching(since: moment.now, hasEvents: true)
        // The server ends the stream as it was asked to with the request.
        deadline = moment.now + settings.watchTimeout * 2 + .seconds(30)
        let actions = replace()
        return actions + take(Array(events[(index + 1)...]), moment)
      case .failure(let refusal): return refused(refusal, moment)
      case .unreadable(let reason): return failed(reason, moment)
      }
    }
    return []
  }

  private mutating func takeChanges(
    _ events: [WatchEvent], _ since: Duration, _ moment: Moment
  ) -> [ReflectorAction] {
    var change = ReflectorChange()
    var end: [ReflectorAction] = []
    loop: for event in events {
      switch event {
      case .upsert(let object):
        guard !isStale(object.resourceVersion, object.key, object.uid) else { continue }
        note(object, in: &change)
        advance(to: object.resourceVersion)
      case .deletion(let key, let uid, let version):
        guard !isStale(version, key, uid) else { continue }
        remove(key, uid, in: &change)
        advance(to: version)
      case .bookmark(let version, _): advance(to: version)
      case .failure(let refusal):
        end = refused(refusal, moment)
        break loop
      case .unreadable(let reason):
        end = failed(reason, moment)
        break loop
      }
    }
    if case .watching = phase { phase = .watching(since: since, hasEvents: true) }
    return (change.isEmpty ? [] : [.change(change)]) + end
  }

  private mutating func remove(_ key: ObjectKey, _ uid: String, in change: inout ReflectorChange) {
    guard let known = held[key], known.uid == uid || uid.isEmpty else { return }
    held[key] = nil
    change.upserts.removeAll { $0.key == key }
    change.removals.append(key)
  }

  /// Whether a version of an object is told again that is older than the one that is held.
  private func isStale(_ version: String, _ key: ObjectKey, _ uid: String) -> Bool {
    guard let known = held[key], known.uid == uid else { return false }
    return ResourceVersion.isOlder(version, than: known.resourceVersion)
  }

  private mutating func advance(to version: String) {
    if !ResourceVersion.isOlder(version, than: resourceVersion) { resourceVersion = version }
  }

  mutating func closed(_ moment: Moment) -> [ReflectorAction] {
    switch phase {
    case .watching(let since, let hasEvents):
      // A server that ends watches at once is not asked again at once.
      guard hasEvents || moment.now - since >= .seconds(1) else {
        return wait(backoff.wait(at: moment), for: .watch, moment)
      }
      return [watch(moment)]
    case .streaming: return failed("the stream ended before all was told", moment)
    default: return []
    }
  }

  // MARK: Failures

  mutating func failed(_ reason: String, _ moment: Moment) -> [ReflectorAction] {
    if case .watching(let since, _) = phase, moment.now - since >= .seconds(5) {
      // A watch that went well was cut: once it is begun again at once.
      return [.cancel, watch(moment)]
    }
    isFailing = true
    isUnanswered = true
    return [.failing(reason)] + wait(backoff.wait(at: moment), for: next, moment)
  }

  /// What is to be tried after a failure.
  private var next: Next {
    if case .watching = phase { return .watch }
    return .all
  }

  mutating func refused(_ refusal: APIRefusal, _ moment: Moment) -> [ReflectorAction] {
    if refusal.code == 404 { return absent(refusal, moment) }
    switch phase {
    case .listing where refusal.isExpired, .streaming where refusal.isExpired:
      return expired(refusal, moment)
    case .watching where refusal.isExpired:
      resourceVersion = ""
      return [.cancel] + askForAll(moment)
    case .streaming where refusal.isMisunderstood:
      usesStreams = false
      return [.cancel] + askForAll(moment)
    case .listing where refusal.isAhead, .streaming where refusal.isAhead:
      // A server that was restored from a backup may never get there: the newest is asked for.
      resourceVersion = ""
    case .watching where refusal.isMisunderstood:
      resourceVersion = ""
      phase = .listing
    case .watching where refusal.isAhead: phase = .listing
    default: break
    }
    return backOff(refusal, moment)
  }

  private mutating func backOff(_ refusal: APIRefusal, _ moment: Moment) -> [ReflectorAction] {
    isFailing = true
    isUnanswered = false
    let pause = max(backoff.wait(at: moment), refusal.retryAfter ?? .zero)
    return [.failing(refusal.text)] + wait(pause, for: next, moment)
  }

  /// The version, or the page to go on with, is forgotten while all is asked for.
  private mutating func expired(_ refusal: APIRefusal, _ moment: Moment) -> [ReflectorAction] {
    let hadVersion = !resourceVersion.isEmpty
    let hadPages = phase == .listing && !incoming.isEmpty && pageSize > 0
    resourceVersion = ""
    if hadPages { pageSize = 0 }
    // Once at once: the newest, or all in one piece. Then with patience.
    return hadVersion || hadPages ? [.cancel] + askForAll(moment) : backOff(refusal, moment)
  }

  /// The server does not know the kind, or not in this version of its API.
  private mutating func absent(_ refusal: APIRefusal, _ moment: Moment) -> [ReflectorAction] {
    resourceVersion = ""
    incoming = [:]
    if versionIndex + 1 < settings.versions.count {
      versionIndex += 1
      return [.cancel] + askForAll(moment)
    }
    versionIndex = 0
    phase = .listing
    // While a server starts it may not know yet what it will: objects go only with the definition.
    guard settings.isOptional, isDefined == false || (isDefined == nil && held.isEmpty) else {
      return backOff(refusal, moment)
    }
    let actions = replace()
    return actions + wait(settings.absencePoll, for: .absent, moment)
  }
}
