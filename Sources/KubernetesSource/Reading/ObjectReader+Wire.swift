// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesClient
import MeshModel

/// Reads the API server's protobuf.
extension ObjectReader {
  /// What a frame says (`metav1.WatchEvent`, with an envelope in it).
  func event(wire frame: UnsafeRawBufferPointer) -> WatchEvent {
    do throws(WireFormatError) {
      var type = ""
      var object = UnsafeRawBufferPointer(start: nil, count: 0)
      var reader = WireReader(frame)
      while let number = try reader.nextField() {
        switch number {
        case 1: try reader.one(&type)
        case 2: object = try ObjectReader.raw(WireReader(try reader.counted()))
        default: try reader.skip()
        }
      }
      return try event(type, WireEnvelope(object))
    } catch {
      return .unreadable("a frame of the watch cannot be read: \(error)")
    }
  }

  /// The bytes of a `runtime.RawExtension`.
  private static func raw(
    _ reader: consuming WireReader
  ) throws(WireFormatError) -> UnsafeRawBufferPointer {
    while let number = try reader.nextField() {
      if number == 1 { return try reader.counted() }
      try reader.skip()
    }
    return UnsafeRawBufferPointer(start: nil, count: 0)
  }

  private func event(
    _ type: String, _ envelope: WireEnvelope
  ) throws(WireFormatError) -> WatchEvent {
    if type == "ERROR" {
      return .failure(APIRefusal(try Kubernetes.Status(wire: envelope.message)))
    }
    let meta = try WireEnvelope.metadata(of: envelope.message)
    let deletion = { () -> WatchEvent in
      guard let key = key(of: meta) else {
        return .unreadable("an object of the watch has no name")
      }
      return .deletion(key, uid: meta.uid, resourceVersion: meta.resourceVersion)
    }
    switch type {
    case "ADDED", "MODIFIED":
      return read(wire: envelope.message, meta).map(WatchEvent.upsert) ?? deletion()
    case "DELETED": return deletion()
    case "BOOKMARK":
      return .bookmark(
        resourceVersion: meta.resourceVersion,
        endsInitialEvents: meta.annotations["k8s.io/initial-events-end"] == "true")
    default: return .unreadable("a frame of the watch has the unknown type \(type)")
    }
  }

  /// What a page of a list says: of every kind's list field 1 is its metadata, 2 an item.
  func page(wire bytes: UnsafeRawBufferPointer) throws(UnreadableAnswer) -> ListPage {
    do throws(WireFormatError) {
      var list = Kubernetes.ListMeta()
      var objects: [ReadObject] = []
      var reader = WireReader(try WireEnvelope(bytes).message)
      while let number = try reader.nextField() {
        switch number {
        case 1: list = try Kubernetes.ListMeta.read(&reader)
        case 2:
          let item = try reader.counted()
          if let object = read(wire: item, try WireEnvelope.metadata(of: item)) {
            objects.append(object)
          }
        default: try reader.skip()
        }
      }
      guard !list.resourceVersion.isEmpty else {
        throw WireFormatError("it has no resourceVersion")
      }
      return ListPage(
        objects: objects, resourceVersion: list.resourceVersion, continue: list.continue)
    } catch {
      throw UnreadableAnswer("the list cannot be read: \(error)")
    }
  }

  private func read(wire bytes: UnsafeRawBufferPointer, _ meta: Kubernetes.ObjectMeta)
    -> ReadObject?
  {
    guard let key = key(of: meta), isKept(key.namespace) else { return nil }
    let (object, diagnostics) = SourcedObject.read(
      wire: bytes, of: kind, trim: MetadataTrimming(of: kind).trim)
    if let object, !isRead(object) { return nil }
    return ReadObject(
      uid: meta.uid, resourceVersion: meta.resourceVersion,
      object: SourcedObject(key: key, object: object, diagnostics: diagnostics))
  }

  private func key(of meta: Kubernetes.ObjectMeta) -> ObjectKey? {
    guard !meta.name.isEmpty else { return nil }
    return ObjectKey(
      kind: kind, namespace: kind.isClusterScoped ? "" : meta.namespace, name: meta.name)
  }
}
