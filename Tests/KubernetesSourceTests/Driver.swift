// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesClient
import MeshModel

@testable import KubernetesSource

/// Drives a reflector by hand: the newest request, what was told, and a clock.
struct Driver {
  var machine: Reflector
  var now = Duration.zero
  var request: ReflectorRequest?
  var changes: [ReflectorChange] = []
  var isSynced = false
  var isFailing = false
  /// What a listener holds after all that was told.
  var told: [String: String] = [:]

  init(versions: [String] = ["v1"], isOptional: Bool = false, streams: Bool = true) {
    var settings = Reflector.Settings(versions: versions, isOptional: isOptional)
    settings.usesStreams = streams
    machine = Reflector(settings)
  }

  /// A reflector that has told objects (versions by name) and watches from a version.
  static func watching(
    _ objects: [String: String], at version: String, isOptional: Bool = false
  ) -> Driver {
    var driver = Driver(isOptional: isOptional)
    driver.take(.start)
    driver.events(objects.sorted { $0.key < $1.key }.map { .added($0.key, $0.value) })
    driver.events([.bookmark(resourceVersion: version, endsInitialEvents: true)])
    return driver
  }

  var number: Int { request?.number ?? 0 }
  var question: ReflectorRequest.Question? { request?.question }
  var names: [String] { told.keys.sorted() }
  var removed: [String] { changes.flatMap(\.removals).map(\.name) }

  mutating func take(_ input: ReflectorInput, chance: Double = 0) {
    for action in machine.take(input, at: Moment(now: now, chance: chance)) {
      switch action {
      case .cancel: request = nil
      case .request(let next): request = next
      case .change(let change):
        changes.append(change)
        for key in change.removals { told[key.name] = nil }
        for object in change.upserts { told[object.key.name] = object.version }
      case .synced: isSynced = true
      case .recovered: isFailing = false
      case .failing: isFailing = true
      }
    }
  }

  mutating func events(_ events: [WatchEvent]) { take(.events(number, events)) }
  mutating func refused(_ refusal: APIRefusal) { take(.refused(number, refusal)) }

  mutating func page(_ objects: [ReadObject], _ version: String, continue token: String = "") {
    take(.page(number, ListPage(objects: objects, resourceVersion: version, continue: token)))
  }

  mutating func closed(after time: Duration) {
    now += time
    take(.closed(number))
  }

  mutating func failed(_ reason: String, after time: Duration) {
    now += time
    take(.failed(number, reason))
  }

  mutating func pass(_ time: Duration) {
    now += time
    take(.tick)
  }

  /// Passes the time until something is due; how long that was.
  mutating func passToDeadline() -> Duration {
    let wait = (machine.deadline ?? now) - now
    pass(wait)
    return wait
  }

  static func change(upserts: [(String, String)], removals: [String]) -> ReflectorChange {
    var change = ReflectorChange()
    change.upserts = upserts.map { ReadObject.object($0.0, $0.1).object }
    change.removals = removals.map { ReadObject.key($0) }
    return change
  }
}

extension SourcedObject {
  /// The version that a test's object carries in its origin.
  var version: String { origin.file }
}

extension ReadObject {
  static func key(_ name: String) -> ObjectKey {
    ObjectKey(kind: Kubernetes.Service.kind, namespace: "n", name: name)
  }

  static func object(_ name: String, _ version: String, uid: String? = nil) -> ReadObject {
    ReadObject(
      uid: uid ?? name, resourceVersion: version,
      object: SourcedObject(key: key(name), object: nil, origin: ObjectOrigin(file: version)))
  }
}

extension WatchEvent {
  static func added(_ name: String, _ version: String, uid: String? = nil) -> WatchEvent {
    .upsert(.object(name, version, uid: uid))
  }

  static func deleted(_ name: String, _ version: String, uid: String) -> WatchEvent {
    .deletion(ReadObject.key(name), uid: uid, resourceVersion: version)
  }
}
