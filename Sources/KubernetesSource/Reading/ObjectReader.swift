// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import KubernetesClient
import MeshModel

/// Reads the API server's JSON of objects of one kind.
struct ObjectReader: Sendable {
  /// The kind.
  let kind: ResourceKind
  /// Whether what objects say is read, and not their names alone.
  var readsContent = true
  /// Whether ConfigMaps are read that hold no certificate.
  var readsAllConfigMaps = false
  /// The namespaces whose objects are kept.
  var isKept: @Sendable (_ namespace: String) -> Bool = { _ in true }

  /// Who wants to know what objects' status says of analyses.
  var reports: AnalysisReports?

  private static let limits = JSONLimits(bytes: 512 * 1024 * 1024)

  // MARK: Watches

  /// What a frame says; an object that is not kept counts as gone.
  func event(_ frame: UnsafeBufferPointer<UInt8>) -> WatchEvent {
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: frame, limits: ObjectReader.limits)
    } catch {
      return .unreadable("a frame of the watch is no JSON: column \(error.column): \(error.reason)")
    }
    guard let type = value["type"]?.string, let object = value["object"], object.object != nil
    else { return .unreadable("a frame of the watch has no type or no object") }
    switch type {
    case "ADDED", "MODIFIED": return read(object).map(WatchEvent.upsert) ?? deletion(of: object)
    case "DELETED": return deletion(of: object)
    case "BOOKMARK":
      let metadata = object["metadata"]
      let mark = metadata?["annotations"]?["k8s.io/initial-events-end"]?.string
      return .bookmark(
        resourceVersion: metadata?["resourceVersion"]?.string ?? "",
        endsInitialEvents: mark == "true")
    case "ERROR": return .failure(APIRefusal(status: object))
    default: return .unreadable("a frame of the watch has the unknown type \(type)")
    }
  }

  private func deletion(of value: JSONValue) -> WatchEvent {
    guard let key = key(of: value) else {
      return .unreadable("an object of the watch has no name")
    }
    return .deletion(
      key, uid: value["metadata"]?["uid"]?.string ?? "",
      resourceVersion: value["metadata"]?["resourceVersion"]?.string ?? "")
  }

  // MARK: Lists

  /// What a page of a list says.
  ///
  /// The bytes go once they are parsed, and each item's value once it is read, so that a large page is
  /// held twice at most.
  func page(_ bytes: consuming [UInt8]) throws(UnreadableAnswer) -> ListPage {
    var value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: bytes, limits: ObjectReader.limits)
    } catch {
      throw UnreadableAnswer("the list is no JSON: column \(error.column): \(error.reason)")
    }
    guard let version = value["metadata"]?["resourceVersion"]?.string, !version.isEmpty else {
      throw UnreadableAnswer("the list has no resourceVersion")
    }
    // Items of a list leave out what the list says for all.
    let apiVersion = value["apiVersion"]?.string ?? kind.versions[0]
    let token = value["metadata"]?["continue"]?.string ?? ""
    var items = value["items"]?.array ?? []
    value = .null
    items.reverse()
    var objects: [ReadObject] = []
    objects.reserveCapacity(items.count)
    while let item = items.popLast() {
      guard case .object(var object) = item else { continue }
      if object["kind"] == nil {
        object["kind"] = .string(kind.kind)
        object["apiVersion"] = .string(apiVersion)
      }
      if let read = read(.object(object)) { objects.append(read) }
    }
    return ListPage(objects: objects, resourceVersion: version, continue: token)
  }

  // MARK: Objects

  private func read(_ value: JSONValue) -> ReadObject? {
    guard let key = key(of: value), isKept(key.namespace) else { return nil }
    let metadata = value["metadata"]
    let object = readsContent ? content(of: value, key) : SourcedObject(key: key, object: nil)
    if let read = object.object, !isRead(read) { return nil }
    reports?.note(value, of: key)
    return ReadObject(
      uid: metadata?["uid"]?.string ?? "",
      resourceVersion: metadata?["resourceVersion"]?.string ?? "", object: object)
  }

  private func content(of value: JSONValue, _ key: ObjectKey) -> SourcedObject {
    let reading = SourcedObject.read(
      value, strictness: .lenient, origin: ObjectOrigin(), trim: MetadataTrimming(of: kind).trim,
      line: { _ in nil })
    switch reading {
    case .object(let object): return object
    case .nameless(let diagnostics):
      return SourcedObject(key: key, object: nil, diagnostics: diagnostics)
    }
  }

  /// Whether anything reads an object: of ConfigMaps only those with an authority's certificate.
  func isRead(_ object: ConfigurationObject) -> Bool {
    guard case .configMap(let map) = object, !readsAllConfigMaps else { return true }
    return map.spec.data["cacert"] != nil || map.spec.data["ca.crt"] != nil
  }

  /// The key of an object, which a list or the watch has said to be of this kind.
  private func key(of value: JSONValue) -> ObjectKey? {
    guard let name = value["metadata"]?["name"]?.string, !name.isEmpty else { return nil }
    let namespace = kind.isClusterScoped ? "" : value["metadata"]?["namespace"]?.string ?? ""
    return ObjectKey(kind: kind, namespace: namespace, name: name)
  }
}

/// An answer that makes no sense, in one sentence without a full stop.
struct UnreadableAnswer: Error {
  var reason: String

  init(_ reason: String) { self.reason = reason }
}
