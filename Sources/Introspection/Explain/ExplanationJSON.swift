// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import Explanation
import JSON
import MeshModel

/// A request's way, for programs.
struct ExplanationJSON {
  private let explained: ExplainedRequest
  private let generation: @Sendable (ObjectKey) -> UInt64?

  init(_ explained: ExplainedRequest, generation: @escaping @Sendable (ObjectKey) -> UInt64?) {
    self.explained = explained
    self.generation = generation
  }

  func value(_ context: ProxyContext) -> JSONValue {
    var page = JSONFields()
    page.add("proxy", context.node.id)
    page.add("request", request)
    page.add("outcome", explained.result.outcome.description)
    page.add("steps", .array(explained.result.steps.map(step)))
    page.add("rules", .array(explained.rules.map(rule)))
    return page.value
  }

  private var request: JSONValue {
    var fields = JSONFields()
    fields.add("url", explained.request.url)
    if explained.request.scheme.isHTTP { fields.add("method", explained.request.method) }
    fields.add("headers", explained.request.headers)
    fields.add("direction", explained.request.direction.rawValue)
    fields.add("destination", explained.request.destination ?? "")
    return fields.value
  }

  private func step(_ step: WalkStep) -> JSONValue {
    var fields = JSONFields()
    fields.add("kind", step.kind.rawValue)
    fields.add("name", .string(step.name))
    fields.add("resource", step.resource)
    fields.add("details", list: step.details.map { .string($0) })
    fields.add("objects", list: step.sources.map { objectJSON($0, generation) })
    fields.add(
      "passedOver",
      list: step.passedOver.map { passed in
        var fields = JSONFields()
        fields.add("name", passed.name)
        fields.add("reason", passed.reason)
        fields.add("objects", list: passed.sources.map { objectJSON($0, generation) })
        return fields.value
      })
    return fields.value
  }

  private func rule(_ rule: RuleVerdict) -> JSONValue {
    var fields = JSONFields()
    fields.add("object", objectJSON(rule.object, generation))
    fields.add("applies", .bool(rule.applies))
    fields.add("reason", rule.reason)
    return fields.value
  }
}

/// An object's kind, namespace, name and generation.
func objectJSON(_ key: ObjectKey, _ generation: (ObjectKey) -> UInt64?) -> JSONValue {
  var fields = JSONFields()
  fields.add("kind", key.kind.kind)
  fields.add("namespace", key.namespace)
  fields.add("name", key.name)
  if let number = generation(key) { fields.add("generation", .integer(Int64(clamping: number))) }
  return fields.value
}
