// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import JSON

/// One object as a source read it, usable or not.
public struct SourcedObject: Hashable, Sendable {
  /// Which object it is.
  public var key: ObjectKey
  /// The object; nil where what is written cannot be used.
  public var object: ConfigurationObject?
  /// Where it is written.
  public var origin: ObjectOrigin
  /// What is to be said of it.
  public var diagnostics: [StoredDiagnostic]

  /// An object.
  public init(
    key: ObjectKey, object: ConfigurationObject?, origin: ObjectOrigin = ObjectOrigin(),
    diagnostics: [StoredDiagnostic] = []
  ) {
    self.key = key
    self.object = object
    self.origin = origin
    self.diagnostics = diagnostics
  }
}

extension SourcedObject {
  /// The outcome of reading one value.
  public enum Reading: Sendable {
    /// An object, usable or not.
    case object(SourcedObject)
    /// Not an object of a kind that is read, or one without a name: what is to be said of it.
    case nameless([StoredDiagnostic])
  }

  /// Decodes and validates one value.
  ///
  /// - Parameters:
  ///   - value: The object as JSON.
  ///   - strictness: Whether an unknown field is an error.
  ///   - origin: Where it is written.
  ///   - trim: Makes the metadata what is to be held of it.
  ///   - line: The line of a field of the value; asked only to explain something.
  public static func read(
    _ value: JSONValue, strictness: ConfigurationObject.Strictness, origin: ObjectOrigin,
    trim: (inout ObjectMeta) -> Void = { _ in }, line: (FieldPath) -> Int?
  ) -> Reading {
    let (object, found) = validated(
      ConfigurationObject.decode(value, strictness: strictness, trim: trim))
    let key = object?.key ?? writtenKey(value)
    let diagnostics = found.map { diagnostic in
      StoredDiagnostic(
        diagnostic.severity == .error ? .rejected : .warning, key: key,
        origin: ObjectOrigin(file: origin.file, line: line(diagnostic.path) ?? origin.line),
        field: diagnostic.path.description, message: diagnostic.message)
    }
    guard let key else { return .nameless(diagnostics) }
    return .object(
      SourcedObject(
        key: key, object: object, origin: origin, diagnostics: diagnostics))
  }

  /// Decodes and validates an object of a kind that an API server sends as protobuf.
  ///
  /// - Parameters:
  ///   - bytes: The object's message.
  ///   - kind: Its kind, which has such a form.
  ///   - key: Which object it is.
  ///   - trim: Makes the metadata what is to be held of it.
  public static func read(
    wire bytes: UnsafeRawBufferPointer, of kind: ResourceKind, trim: (inout ObjectMeta) -> Void
  ) -> (object: ConfigurationObject?, diagnostics: [StoredDiagnostic]) {
    let (object, found) = validated(ConfigurationObject.decode(wire: bytes, of: kind, trim: trim))
    let diagnostics = found.map { diagnostic in
      StoredDiagnostic(
        diagnostic.severity == .error ? .rejected : .warning, key: object?.key,
        origin: ObjectOrigin(), field: diagnostic.path.description, message: diagnostic.message)
    }
    return (object, diagnostics)
  }

  /// What was decoded with what validation has to say; no object where that is an error.
  private static func validated(
    _ decoded: (object: ConfigurationObject?, diagnostics: [Diagnostic])
  ) -> (object: ConfigurationObject?, diagnostics: [Diagnostic]) {
    guard let object = decoded.object else { return decoded }
    let found = decoded.diagnostics + object.validate()
    return (found.contains { $0.severity == .error } ? nil : object, found)
  }

  /// The key that a value names, where it is of a kind that is read and has a name.
  public static func writtenKey(_ value: JSONValue) -> ObjectKey? {
    guard let apiVersion = value["apiVersion"]?.string, let kind = value["kind"]?.string,
      let name = value["metadata"]?["name"]?.string, !name.isEmpty,
      let known = ConfigurationObject.kinds.first(where: {
        $0.matches(apiVersion: apiVersion, kind: kind)
      })
    else { return nil }
    var namespace = value["metadata"]?["namespace"]?.string ?? ""
    if known.isClusterScoped {
      namespace = ""
    } else if namespace.isEmpty {
      namespace = "default"
    }
    return ObjectKey(kind: known, namespace: namespace, name: name)
  }
}

/// What changed in a source: to be applied as a whole.
public struct SourceTransaction: Hashable, Sendable {
  /// The objects that are new or read again.
  public var upserts: [SourcedObject]
  /// The objects that are gone.
  public var removals: [ObjectKey]
  /// All that is to be said and belongs to no object; what was said so before is void.
  public var problems: [StoredDiagnostic]
  /// Whether the source has told all that there was when it began.
  public var isSynced: Bool

  /// A transaction.
  public init(
    upserts: [SourcedObject] = [], removals: [ObjectKey] = [], problems: [StoredDiagnostic] = [],
    isSynced: Bool = true
  ) {
    self.upserts = upserts
    self.removals = removals
    self.problems = problems
    self.isSynced = isSynced
  }
}
