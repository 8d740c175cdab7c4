// SPDX-License-Identifier: Apache-2.0

public import Configuration
import Bytes
import JSON
import MeshModel

/// All that a source told, as a file that outlives the process.
///
/// Lines of JSON: a head, an object a line (**with the bytes of Secrets**), and the digest of what
/// stands before it, without which nothing of it is believed.
public struct SourceSnapshot: Sendable {
  /// A file that is no snapshot, or not whole, in one sentence without a full stop.
  public struct Unusable: Error, CustomStringConvertible {
    /// The sentence.
    public let description: String
  }

  /// The API server of the control plane's own cluster: its URL.
  public var server: String
  /// The id of the cluster, where it is another than the control plane's own; else empty.
  public var cluster: String
  /// When it was true, in seconds since 1970.
  public var time: Int64
  /// The ConfigMaps of the mesh's configuration.
  public var mesh: [KubernetesSource.MeshText]
  /// The objects.
  public var objects: [ConfigurationObject]

  private static let format = "navarch-snapshot-1"

  /// A snapshot.
  public init(
    server: String, cluster: String = "", time: Int64, mesh: [KubernetesSource.MeshText],
    objects: [ConfigurationObject]
  ) {
    self.server = server
    self.cluster = cluster
    self.time = time
    self.mesh = mesh
    self.objects = objects
  }

  /// The file's bytes.
  public var bytes: [UInt8] {
    let texts = mesh.map { text -> JSONValue in
      let entries = text.entries.sorted { $0.key < $1.key }.map {
        JSONObject.Member($0.key, .string($0.value))
      }
      return ["name": .string(text.name), "entries": .object(JSONObject(distinct: entries))]
    }
    let head: JSONValue = [
      "format": .string(SourceSnapshot.format), "server": .string(server),
      "cluster": .string(cluster), "time": .integer(time),
      "mesh": .array(texts), "objects": .integer(Int64(objects.count)),
    ]
    var bytes = Array(head.text().utf8) + [UInt8(ascii: "\n")]
    for object in objects.sorted(by: { $0.key.description < $1.key.description }) {
      bytes += Array(object.document.text().utf8)
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes + Array(SourceSnapshot.trailer(bytes[...]).utf8)
  }

  /// Reads a file's bytes.
  ///
  /// - Throws: That the file is not whole, of another format, or does not decode.
  public init(bytes: [UInt8]) throws(Unusable) {
    let end = bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    guard bytes[end...].elementsEqual(SourceSnapshot.trailer(bytes[..<end]).utf8) else {
      throw Unusable(description: "the file is not whole: its digest does not fit")
    }
    var lines = bytes[..<end].split(separator: UInt8(ascii: "\n"))[...]
    guard let first = lines.popFirst(), let head = try? JSONValue(parsing: Array(first)),
      head["format"]?.string == SourceSnapshot.format, let server = head["server"]?.string,
      let time = head["time"]?.integer
    else { throw Unusable(description: "the file has no head that is known here") }
    let cluster = head["cluster"]?.string ?? ""
    self.init(server: server, cluster: cluster, time: time, mesh: [], objects: [])
    for text in head["mesh"]?.array ?? [] {
      let members = text["entries"]?.object?.members ?? []
      let entries = members.map { ($0.key, $0.value.string ?? "") }
      mesh.append(
        .init(
          name: text["name"]?.string ?? "",
          entries: Dictionary(entries) { first, _ in first }))
    }
    objects.reserveCapacity(lines.count)
    for line in lines {
      guard let value = try? JSONValue(parsing: Array(line)),
        let object = ConfigurationObject.decode(value, strictness: .lenient).object
      else { throw Unusable(description: "an object of the file cannot be read") }
      objects.append(object)
    }
  }

  private static func trailer(_ bytes: ArraySlice<UInt8>) -> String {
    let digest = bytes.withUnsafeBytes { ContentDigest(of: $0) }
    return "{\"digest\":\"\(digest)\"}\n"
  }
}
