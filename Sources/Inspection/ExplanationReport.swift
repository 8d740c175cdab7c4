// SPDX-License-Identifier: Apache-2.0

public import JSON

/// `explain`: the control plane's page `/debug/explain`, as lines for people.
public struct ExplanationReport: Sendable {
  private let page: JSONValue

  /// The answer of the page as JSON.
  public init(_ page: JSONValue) { self.page = page }

  /// What comes of the request, the steps to it, and the rules that were looked at.
  public var text: String {
    var lines = [page.text("outcome"), ""]
    for (number, step) in page.list("steps").enumerated() {
      let name = [step.text("kind"), step.text("name")].filter { !$0.isEmpty }
      lines.append("\(number + 1). " + name.joined(separator: " ") + objects(step.list("objects")))
      lines += step.texts("details").map { "     \($0)" }
      lines += step.list("passedOver").map {
        "     not \($0.text("name")): \($0.text("reason"))\(objects($0.list("objects")))"
      }
    }
    let rules = page.list("rules")
    if !rules.isEmpty { lines += ["", "Rules:"] }
    for rule in rules {
      let mark = rule.field("applies")?.bool == true ? "applies" : "does not apply"
      lines.append("  \(name(of: rule.field("object"))) \(mark): \(rule.text("reason"))")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private func objects(_ objects: [JSONValue]) -> String {
    objects.isEmpty ? "" : " (\(objects.map { name(of: $0) }.joined(separator: ", ")))"
  }

  private func name(of object: JSONValue?) -> String {
    guard let object else { return "" }
    let space = object.text("namespace")
    return "\(object.text("kind")) " + (space.isEmpty ? "" : space + "/") + object.text("name")
  }
}
