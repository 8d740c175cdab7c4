// SPDX-License-Identifier: Apache-2.0

import Analysis
import Configuration
import JSON
import MeshModel

/// Something to be said of the configuration: by the source that read it, or by an analyzer.
struct Notice {
  /// How bad it is, as `istioctl analyze` has it.
  var level: AnalysisMessage.Level
  /// What it means: the effect on what is served, or the analyzer's code.
  var word: String
  /// The name of the analyzer's message; empty for what a source says.
  var name = ""
  /// The object; nil where it is of a file.
  var key: ObjectKey?
  /// Where it is written.
  var origin: ObjectOrigin
  /// The field; empty for the whole.
  var field: String
  /// One sentence.
  var message: String
  /// Since when it stands, in seconds since 1970; 0 where nobody knows.
  var since: Double = 0
  /// Whether the object is not used because of it.
  var isRejected = false

  init(_ said: StoredDiagnostic) {
    switch said.effect {
    case .rejected: level = .error
    case .warning: level = .warning
    case .noEffect: level = .info
    }
    word = said.effect.rawValue
    key = said.key
    origin = said.origin
    field = said.field
    message = said.message
    since = said.since
    isRejected = said.effect == .rejected
  }

  init(_ finding: Finding, origin: ObjectOrigin) {
    level = finding.message.level
    word = finding.message.code
    name = finding.message.name
    key = finding.object
    self.origin = origin
    field = finding.field
    message = finding.text
  }

  /// All that is to be said: what sources say, then what analyzers find.
  static func all(_ sources: IntrospectionSources) -> [Notice] {
    sources.diagnostics().map(Notice.init)
      + sources.findings().map { Notice($0, origin: sources.origin($0.object) ?? ObjectOrigin()) }
  }

  /// The notice as JSON, without its object.
  var json: JSONValue {
    var fields = JSONFields()
    fields.add("level", level.rawValue)
    fields.add(name.isEmpty ? "effect" : "code", word)
    fields.add("name", name)
    fields.add("file", origin.file)
    if origin.line > 0 { fields.add("line", origin.line) }
    fields.add("field", field)
    fields.add("message", message)
    if since > 0 { fields.add("since", TimeText.rfc3339(since)) }
    return fields.value
  }

  /// The object as people name it, such as `VirtualService default/reviews`; empty where there is none.
  var objectName: String {
    guard let key else { return "" }
    return key.namespace.isEmpty
      ? "\(key.kind.kind) \(key.name)" : "\(key.kind.kind) \(key.namespace)/\(key.name)"
  }

  /// The class of its colour in ``IndexStyle``.
  var colour: String {
    switch level {
    case .error: "bad"
    case .warning: "wait"
    case .info: "soft"
    }
  }
}
