// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a Telemetry.
  mutating func check(_ object: ConfigObject<Istio.Telemetry>, _ path: FieldPath) {
    let spec = object.spec
    target(
      selector: spec.selector, reference: spec.targetRef, references: spec.targetRefs, path)
    for (index, metrics) in spec.metrics.enumerated() { check(metrics, path["metrics"][index]) }
    warn(spec.tracing.count > 1, path["tracing"], "only the first is used")
    for (index, tracing) in spec.tracing.enumerated() { check(tracing, path["tracing"][index]) }
    for (index, logging) in spec.accessLogging.enumerated() {
      let here = path["accessLogging"][index]
      providers(logging.providers, here["providers"])
      if let filter = logging.filter {
        require(
          CELSyntax.isExpression(filter.expression), here["filter"]["expression"],
          "is not an expression of CEL")
      }
    }
  }

  private mutating func providers(_ list: [Istio.ProviderRef], _ path: FieldPath) {
    for (index, provider) in list.enumerated() {
      require(!provider.name.isEmpty, path[index]["name"], "must be given")
    }
  }

  private mutating func check(_ tracing: Istio.Tracing, _ path: FieldPath) {
    warn(tracing.providers.count > 1, path["providers"], "only the first is used")
    providers(tracing.providers, path["providers"])
    require(
      (0...100).contains(tracing.randomSamplingPercentage ?? 0), path["randomSamplingPercentage"],
      "must be from 0 to 100")
    for (name, tag) in tracing.customTags.sorted(by: { $0.key < $1.key }) {
      let here = path["customTags"][name]
      require(!name.isEmpty, here, "a tag must have a name")
      switch tag {
      case .literal(let literal):
        require(!literal.value.isEmpty, here["literal"]["value"], "must be given")
      case .environment(let environment):
        require(!environment.name.isEmpty, here["environment"]["name"], "must be given")
      case .header(let header):
        require(!header.name.isEmpty, here["header"]["name"], "must be given")
      case .formatter, .unset: break
      }
    }
  }

  private mutating func check(_ metrics: Istio.Metrics, _ path: FieldPath) {
    providers(metrics.providers, path["providers"])
    for (index, override) in metrics.overrides.enumerated() {
      let here = path["overrides"][index]
      for (name, tag) in override.tagOverrides.sorted(by: { $0.key < $1.key }) {
        let tags = here["tagOverrides"][name]
        warn(name.isEmpty, tags, "a tag must have a name")
        require(
          tag.operation != .upsert || !tag.value.isEmpty, tags["value"], "must be given for UPSERT")
        require(
          tag.operation != .remove || tag.value.isEmpty, tags["value"], "goes with UPSERT only")
      }
      if case .customMetric("")? = override.match?.metricMatch {
        error(here["match"]["customMetric"], "must not be empty")
      }
    }
  }
}
