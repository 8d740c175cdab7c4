// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Reads the objects of one kind.
struct ObjectReader: Sendable {
  /// Makes an object's metadata what is to be held of it.
  typealias Trimming = (inout ObjectMeta) -> Void

  /// The kind.
  let kind: ResourceKind
  /// Reads an object of it, with the decoder at the object.
  let read:
    @Sendable (JSONObject, inout ProtoDecoder, Trimming) throws(ConfigError) -> ConfigurationObject
  /// Reads an object of it from protobuf; nil of kinds that have no such form.
  let readWire:
    (@Sendable (UnsafeRawBufferPointer, Trimming) throws(WireFormatError) -> ConfigurationObject)?

  /// A reader of objects that say a `Spec`.
  init<Spec: ConfigSpec>(
    _ make: @escaping @Sendable (ConfigObject<Spec>) -> ConfigurationObject
  ) {
    kind = Spec.kind
    read = { (object, decoder, trim) throws(ConfigError) in
      make(try ConfigObject<Spec>(object, &decoder, trim))
    }
    readWire = nil
  }

  /// A reader of Kubernetes' own objects.
  init<Spec: KubernetesObject>(
    _ make: @escaping @Sendable (ConfigObject<Spec>) -> ConfigurationObject
  ) {
    kind = Spec.kind
    read = { (object, decoder, trim) throws(ConfigError) in
      make(try ConfigObject<Spec>(object, &decoder, trim))
    }
    readWire = { (bytes, trim) throws(WireFormatError) in
      make(try ConfigObject<Spec>(wire: bytes, trim))
    }
  }
}

extension ConfigObject {
  fileprivate convenience init(
    _ object: JSONObject, _ decoder: inout ProtoDecoder, _ trim: ObjectReader.Trimming
  ) throws(ConfigError) {
    var meta = try decoder.member("metadata", of: object) { (json, decoder) throws(ConfigError) in
      try ObjectMeta(json, &decoder)
    }
    meta.settle(in: Spec.kind)
    trim(&meta)
    let spec: Spec
    if let member = Spec.member {
      spec = try decoder.member(member, of: object) { (json, decoder) throws(ConfigError) in
        try Spec.decode(json, &decoder)
      }
    } else {
      spec = try Spec.decode(.object(object), &decoder)
    }
    self.init(
      meta: meta, spec: spec, status: ReportedStatus(object["status"], of: Spec.kind))
  }
}

extension ConfigObject where Spec: WireMessage {
  fileprivate convenience init(
    wire bytes: UnsafeRawBufferPointer, _ trim: ObjectReader.Trimming
  ) throws(WireFormatError) {
    var meta = ObjectMeta(name: "")
    var spec = Spec()
    var reader = WireReader(bytes)
    while let number = try reader.nextField() {
      if number == 1 {
        meta = ObjectMeta(try Kubernetes.ObjectMeta.read(&reader))
      } else if try !spec.readField(number, &reader) {
        try reader.skip()
      }
    }
    meta.settle(in: Spec.kind)
    trim(&meta)
    self.init(meta: meta, spec: spec)
  }
}

extension ObjectMeta {
  /// Puts an object into the namespace where its kind has it.
  fileprivate mutating func settle(in kind: ResourceKind) {
    if kind.isClusterScoped {
      namespace = ""
    } else if namespace.isEmpty {
      namespace = "default"
    }
  }
}

extension ConfigurationObject {
  /// What becomes of fields that the API does not know.
  public enum Strictness: Hashable, Sendable {
    /// They are errors: for what a person applies.
    case strict
    /// They are warnings: for what an API server has let through.
    case lenient
  }

  /// Reads one object; nil where there is no object to use, with the reason among the diagnostics.
  ///
  /// Strictly read, what an API server checks is checked too: Kubernetes' own fields, also those
  /// that have no effect here, and the schema of Istio's CRDs.
  /// A kind or a version that is not read gives a warning. A namespaced object without a namespace
  /// is one of `default`.
  ///
  /// - Parameters:
  ///   - value: The object.
  ///   - strictness: Whether an unknown field is an error.
  ///   - trim: Makes the metadata what is to be held of it.
  public static func decode(
    _ value: JSONValue, strictness: Strictness = .strict,
    trim: (inout ObjectMeta) -> Void = { _ in }
  ) -> (object: ConfigurationObject?, diagnostics: [Diagnostic]) {
    guard let object = value.object, let apiVersion = object["apiVersion"]?.string,
      let kind = object["kind"]?.string
    else { return (nil, [Diagnostic(.error, "not an object: apiVersion or kind is missing")]) }
    guard let reader = readers.first(where: { $0.kind.matches(apiVersion: apiVersion, kind: kind) })
    else { return (nil, [Diagnostic(.warning, "\(kind) of \(apiVersion) is not read")]) }
    var decoder = ProtoDecoder(at: FieldPath(), unknownFields: .areIgnored)
    do throws(ConfigError) {
      let result = try reader.read(object, &decoder, trim)
      let severity: Diagnostic.Severity = strictness == .strict ? .error : .warning
      var paths = decoder.ignored
      if strictness == .strict { paths += KubernetesFields.standard.unknown(in: object) }
      var found = paths.map { Diagnostic(severity, at: $0, "unknown field") }
      if strictness == .strict {
        found += IstioSchema.standard.violations(in: object, of: reader.kind)
      }
      if result.meta.name.isEmpty {
        let path = FieldPath().appending(key: "metadata").appending(key: "name")
        return (nil, found + [Diagnostic(.error, at: path, "must not be empty")])
      }
      return (severity == .error && !found.isEmpty ? nil : result, found)
    } catch {
      return (nil, [Diagnostic(error)])
    }
  }

  /// Reads one object of a kind from the bytes that an API server sends as protobuf; nil where there is
  /// no object to use, with the reason among the diagnostics.
  ///
  /// - Parameter trim: Makes the metadata what is to be held of it.
  public static func decode(
    wire bytes: UnsafeRawBufferPointer, of kind: ResourceKind,
    trim: (inout ObjectMeta) -> Void = { _ in }
  ) -> (object: ConfigurationObject?, diagnostics: [Diagnostic]) {
    guard let read = readers.first(where: { $0.kind == kind })?.readWire else {
      return (nil, [Diagnostic(.error, "\(kind) has no form in protobuf")])
    }
    do throws(WireFormatError) {
      return (try read(bytes, trim), [])
    } catch {
      return (nil, [Diagnostic(.error, "not an object in protobuf: \(error)")])
    }
  }

  /// Whether objects of a kind can be read from protobuf: Kubernetes' own.
  public static func hasWireForm(_ kind: ResourceKind) -> Bool {
    readers.first { $0.kind == kind }?.readWire != nil
  }

  /// The objects of `value`: the items of a `List` or of a list of one kind, else itself.
  public static func expandLists(_ value: JSONValue) -> [JSONValue] {
    guard let kind = value["kind"]?.string, kind.hasSuffix("List"),
      let items = value["items"]?.array
    else { return [value] }
    let itemKind = String(kind.dropLast("List".count))
    return items.flatMap { item in
      guard var object = item.object else { return [item] }
      // The items of a typed list do not repeat its kind.
      if object["kind"] == nil, !itemKind.isEmpty { object["kind"] = .string(itemKind) }
      if object["apiVersion"] == nil { object["apiVersion"] = value["apiVersion"] }
      return expandLists(.object(object))
    }
  }
}
