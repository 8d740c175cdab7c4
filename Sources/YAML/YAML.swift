// SPDX-License-Identifier: Apache-2.0

public import JSON

/// YAML as Kubernetes reads it: documents that are JSON values in another dress.
///
/// Plain scalars are resolved as sigs.k8s.io/yaml and go-yaml do, with two differences that are on
/// purpose. First, only `true` and `false` (and `True`, `TRUE`, …) are truth values, as in YAML
/// 1.2's core schema and in go-yaml v3 without a type: `yes`, `no`, `on`, `off`, `y` and `n` are
/// texts, unless tagged `!!bool`. Second, a repeated key is an error, as with kubectl's strict
/// validation.
/// Numbers are decimal, `0x1F`, `0o17`, `0b11`, C's `017`, with `_` between digits ignored; `1:20`
/// and timestamps are texts; `.inf` and `.nan` are errors, since JSON has no word for them.
/// Keys that are not texts become the text of their JSON. `<<` merges, tags other than YAML's own
/// are ignored.
public enum YAML {
  /// Reads every document of a stream of UTF-8 bytes.
  ///
  /// Documents without any content are skipped and not counted. Documents are told apart by lines
  /// that begin with `---` or `...` before any other reading, so a document that cannot be read
  /// costs no other one; an unclosed quote or bracket therefore ends at the next such line.
  public static func documents(
    in bytes: [UInt8], limits: YAMLLimits = YAMLLimits()
  ) -> YAMLStream {
    bytes.withUnsafeBufferPointer { buffer in
      var stream = YAMLStream()
      for (index, part) in StreamSplitter.parts(of: buffer).enumerated() {
        let reader = DocumentReader(buffer, part: part, index: index, limits: limits)
        do throws(YAMLError) {
          stream.documents.append(try reader.document())
        } catch {
          stream.errors.append(error)
        }
      }
      return stream
    }
  }

  /// Reads every document of a text.
  public static func documents(in text: String, limits: YAMLLimits = YAMLLimits()) -> YAMLStream {
    documents(in: Array(text.utf8), limits: limits)
  }

  /// The one value of a text; null if it has no content, an error if it has several documents.
  public static func value(
    in text: String, limits: YAMLLimits = YAMLLimits()
  ) throws(YAMLError) -> JSONValue {
    let stream = documents(in: text, limits: limits)
    if let error = stream.errors.first { throw error }
    if stream.documents.count > 1 {
      throw YAMLError(
        document: 1, line: stream.documents[1].line, column: 1,
        reason: "a second document begins where one was expected")
    }
    return stream.documents.first?.value ?? .null
  }

  /// The line, counted from 1, on which the field at `path` is written.
  ///
  /// The text is read a second time, so ask only to explain an error. Where the path leads to
  /// nothing, or through an alias, it is the line of the last step that is written; nil if there is
  /// no document `index` (counted as in ``YAMLDocument/index``).
  public static func line(
    of path: FieldPath, in bytes: [UInt8], document index: Int
  ) -> Int? {
    bytes.withUnsafeBufferPointer { buffer in
      let parts = StreamSplitter.parts(of: buffer)
      guard parts.indices.contains(index) else { return nil }
      return FieldLocator.line(of: path, in: buffer, part: parts[index])
    }
  }

  /// The line, counted from 1, on which the field at `path` is written in a text.
  public static func line(of path: FieldPath, in text: String, document index: Int = 0) -> Int? {
    line(of: path, in: Array(text.utf8), document: index)
  }
}

/// What a stream held: its documents, and why others could not be read.
public struct YAMLStream: Hashable, Sendable {
  /// The documents that could be read, in order.
  public internal(set) var documents: [YAMLDocument] = []
  /// An error for every document that could not, in order.
  public internal(set) var errors: [YAMLError] = []
}

/// One document of a stream.
public struct YAMLDocument: Hashable, Sendable {
  /// What it says; of `null` too, which Kubernetes' tools skip.
  public let value: JSONValue
  /// The line of its first value, counted from 1.
  public let line: Int
  /// Its place among the documents with content, readable or not, counted from 0.
  public let index: Int
}

/// Why a document could not be read, and where.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The document's place among those with content, counted from 0.
  public let document: Int
  /// The line in the stream, counted from 1.
  public let line: Int
  /// The column in Unicode scalars, counted from 1.
  public let column: Int
  /// What is wrong, without the place.
  public let reason: String

  /// One sentence for an operator: `line 3, column 7: duplicate key "hosts"`.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

/// How much YAML a reader takes before it refuses.
public struct YAMLLimits: Hashable, Sendable {
  /// The most bytes of one document.
  public var documentBytes: Int
  /// The most mappings and sequences inside one another, aliases followed.
  public var depth: Int
  /// The most nodes of one document, aliases followed; long texts count one more every 32 bytes.
  public var nodes: Int

  /// Limits; by default 3 MiB (what etcd takes), 100 levels and a million nodes.
  public init(documentBytes: Int = 3 << 20, depth: Int = 100, nodes: Int = 1_000_000) {
    self.documentBytes = documentBytes
    self.depth = depth
    self.nodes = nodes
  }
}
