// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// What an analyzer says of an object.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
  /// The kind of finding.
  public var message: AnalysisMessage
  /// The object.
  public var object: ObjectKey
  /// The field, such as `spec.http[0].route[0].destination.host`; empty for the whole.
  public var field: String
  /// One sentence, in Istio's words.
  public var text: String

  /// A finding.
  public init(
    _ message: AnalysisMessage, _ object: ObjectKey, field: String = "", _ text: String
  ) {
    self.message = message
    self.object = object
    self.field = field
    self.text = text
  }

  /// `Error [IST0101] (VirtualService default/x) Referenced host not found: "y"`, as `istioctl analyze`
  /// prints it.
  public var description: String {
    let name = object.namespace.isEmpty ? object.name : "\(object.namespace)/\(object.name)"
    return "\(message.level.rawValue) [\(message.code)] (\(object.kind.kind) \(name)) \(text)"
  }
}
