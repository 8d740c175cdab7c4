// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import KubernetesClient
public import MeshModel

/// One object as the API server told it.
public struct ReadObject: Hashable, Sendable {
  /// The server's identity of it.
  public var uid: String
  /// The server's mark of this version of it.
  public var resourceVersion: String
  /// What it says, usable or not.
  public var object: SourcedObject

  /// Which object it is.
  public var key: ObjectKey { object.key }

  /// An object.
  public init(uid: String, resourceVersion: String, object: SourcedObject) {
    self.uid = uid
    self.resourceVersion = resourceVersion
    self.object = object
  }
}

/// Part of a list, or all of it.
public struct ListPage: Hashable, Sendable {
  /// The objects.
  public var objects: [ReadObject]
  /// The version of the list.
  public var resourceVersion: String
  /// How to ask for the rest; empty where this is the end.
  public var `continue`: String

  /// A page.
  public init(objects: [ReadObject], resourceVersion: String, continue token: String = "") {
    self.objects = objects
    self.resourceVersion = resourceVersion
    self.continue = token
  }
}

/// What one frame of a watch says.
public enum WatchEvent: Hashable, Sendable {
  /// An object is there, new or changed.
  case upsert(ReadObject)
  /// An object is gone.
  case deletion(ObjectKey, uid: String, resourceVersion: String)
  /// Nothing before this version is still to come.
  case bookmark(resourceVersion: String, endsInitialEvents: Bool)
  /// The watch ends so.
  case failure(APIRefusal)
  /// The frame makes no sense.
  case unreadable(String)
}

/// What happens to a ``Reflector``; of a request, with the request's number.
public enum ReflectorInput: Hashable, Sendable {
  /// It shall begin.
  case start
  /// The server answered with an error.
  case refused(Int, APIRefusal)
  /// There is no answer, or its end is missing.
  case failed(Int, String)
  /// A page of a list.
  case page(Int, ListPage)
  /// The server takes the watch.
  case opened(Int)
  /// Frames of a watch.
  case events(Int, [WatchEvent])
  /// A watch ended as it should.
  case closed(Int)
  /// The time of ``Reflector/deadline`` has come, or not yet.
  case tick
  /// The kind is defined by now, or is no longer.
  case definition(isPresent: Bool)
  /// All is to be listed again: what is read has changed.
  case relist
  /// The server answers others again.
  case serverIsBack
}

/// What a ``Reflector`` wants done, in this order.
public enum ReflectorAction: Hashable, Sendable {
  /// Nothing of earlier requests is wanted any more.
  case cancel
  /// A request is to be made; earlier ones are over.
  case request(ReflectorRequest)
  /// What is there has changed.
  case change(ReflectorChange)
  /// All that there was has been told.
  case synced
  /// All is well again.
  case recovered
  /// Something failed and is tried again; what is held stays.
  case failing(String)
}

/// What became of objects: removals come before upserts.
public struct ReflectorChange: Hashable, Sendable {
  /// The objects that are new or changed, in order.
  public var upserts: [SourcedObject] = []
  /// The objects that are gone, also those that another one of the same name replaces.
  public var removals: [ObjectKey] = []

  /// No change.
  public init() {}

  /// Whether nothing changed.
  public var isEmpty: Bool { upserts.isEmpty && removals.isEmpty }
}

/// A request for objects of one kind.
public struct ReflectorRequest: Hashable, Sendable {
  /// What is asked.
  public enum Question: Hashable, Sendable {
    /// What is there, a page at a time; an empty version asks for the newest.
    case list(resourceVersion: String, continue: String, limit: Int)
    /// What is there, as a stream, and what changes then.
    case stream(resourceVersion: String)
    /// What changes after a version.
    case watch(resourceVersion: String)
  }

  /// Its number, for answers.
  public var number: Int
  /// The version of the API.
  public var version: String
  /// What is asked.
  public var question: Question
  /// When the server shall end a watch.
  public var timeout: Duration

  /// Names and values of the query.
  public var query: [(name: String, value: String)] {
    switch question {
    case .list(let resourceVersion, let token, let limit):
      var query: [(name: String, value: String)] = []
      if limit > 0 { query.append(("limit", String(limit))) }
      if !token.isEmpty { return query + [("continue", token)] }
      if !resourceVersion.isEmpty {
        query.append(("resourceVersion", resourceVersion))
        query.append(("resourceVersionMatch", "NotOlderThan"))
      }
      return query
    case .stream(let resourceVersion):
      var query = watchQuery
      query.append(("sendInitialEvents", "true"))
      query.append(("resourceVersionMatch", "NotOlderThan"))
      if !resourceVersion.isEmpty { query.append(("resourceVersion", resourceVersion)) }
      return query
    case .watch(let resourceVersion):
      return watchQuery + [("resourceVersion", resourceVersion)]
    }
  }

  private var watchQuery: [(name: String, value: String)] {
    let seconds = String(timeout.components.seconds)
    return [("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", seconds)]
  }
}
