// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import JSON
import Synchronization

/// What the status of one of Istio's objects says of an analysis of it.
public struct AnalysisReport: Hashable, Sendable {
  /// One message of an analysis.
  public struct Message: Hashable, Sendable {
    /// The code, such as `IST0101`.
    public var code: String
    /// How bad it is: `ERROR`, `WARNING` or `INFO`.
    public var level: String
    /// The page that explains the code; empty for none.
    public var documentation: String

    /// A message.
    public init(code: String, level: String, documentation: String) {
      self.code = code
      self.level = level
      self.documentation = documentation
    }

    /// As the API has it (`istio.analysis.v1alpha1.AnalysisMessageBase`).
    public var json: JSONValue {
      var members: [JSONObject.Member] = [
        .init("type", ["code": .string(code)]), .init("level", .string(level)),
      ]
      if !documentation.isEmpty {
        members.append(.init("documentationUrl", .string(documentation)))
      }
      return .object(JSONObject(distinct: members))
    }

    init(_ json: JSONValue) {
      self.init(
        code: json["type"]?["code"]?.string ?? "", level: json["level"]?.string ?? "",
        documentation: json["documentationUrl"]?.string ?? "")
    }
  }

  /// The version of what the object asks for (`metadata.generation`).
  public var generation: Int64
  /// The generation of which the status speaks; nil where it does not say.
  public var observed: Int64?
  /// The messages.
  public var messages: [Message]

  /// A report.
  public init(generation: Int64, observed: Int64?, messages: [Message]) {
    self.generation = generation
    self.observed = observed
    self.messages = messages
  }

  /// What an object's status says; what cannot be read is passed over.
  public init(of object: JSONValue) {
    let status = object["status"]
    self.init(
      generation: AnalysisReport.number(object["metadata"]?["generation"]) ?? 0,
      observed: AnalysisReport.number(status?["observedGeneration"]),
      messages: status?["validationMessages"]?.array?.map(Message.init) ?? [])
  }

  /// A number, which may be written as one or, as protobuf has long ones in JSON, as text.
  private static func number(_ value: JSONValue?) -> Int64? {
    value?.integer ?? value?.string.flatMap { Int64($0) }
  }
}

/// The reports of all objects that a source reads, apart from the objects: nothing is served by them.
public final class AnalysisReports: Sendable {
  private let reports = Mutex<[ObjectKey: AnalysisReport]>([:])

  /// No reports.
  public init() {}

  /// All reports.
  public var all: [ObjectKey: AnalysisReport] { reports.withLock { $0 } }

  /// Takes note of what an object says.
  public func note(_ object: JSONValue, of key: ObjectKey) {
    let report = AnalysisReport(of: object)
    reports.withLock { $0[key] = report }
  }

  /// Forgets objects that are gone.
  func forget(_ keys: some Sequence<ObjectKey>) {
    reports.withLock { reports in
      for key in keys { reports[key] = nil }
    }
  }
}
