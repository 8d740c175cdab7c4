// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import MeshModel

/// Names the objects behind the steps of a walk: those that the metadata names, then those that
/// translation gathers from.
struct StepProvenance {
  private let context: ProxyContext

  init(_ context: ProxyContext) { self.context = context }

  /// The steps with their objects.
  func completed(_ steps: [WalkStep]) -> [WalkStep] { steps.map(completed) }

  private func completed(_ step: WalkStep) -> WalkStep {
    var step = step
    var found = ResourceProvenance()
    found.add(step.sources)
    switch step.kind {
    case .listener: found.add(context.provenance(of: .listener, step.name).sources)
    case .filterChain:
      if let chain = step.chain {
        found.add(context.provenance(of: chain, in: step.resource).sources)
      }
    case .virtualHost:
      let routes = context.provenance(of: .route, step.resource)
      found.add(routes.parts[step.name] ?? [])
      step.passedOver = step.passedOver.map { passed in
        var passed = passed
        if passed.sources.isEmpty { passed.sources = routes.parts[passed.name] ?? [] }
        return passed
      }
    case .route: for source in step.sources { found.add(context.delegates(of: source)) }
    case .cluster: found.add(context.provenance(of: .cluster, step.name).sources)
    case .endpoints: found.add(context.provenance(of: .endpoint, step.name).sources)
    }
    step.sources = found.sources
    return step
  }
}
