// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import Explanation
import MeshModel
import ServiceDiscovery

/// A request's way, for people.
struct ExplanationHTML {
  private let explained: ExplainedRequest
  private let generation: @Sendable (ObjectKey) -> UInt64?

  init(_ explained: ExplainedRequest, generation: @escaping @Sendable (ObjectKey) -> UInt64?) {
    self.explained = explained
    self.generation = generation
  }

  /// The outcome, the steps, and the rules.
  func parts(_ context: ProxyContext) -> [HTML] {
    [outcome(context), steps, rules]
  }

  // MARK: Outcome

  private func outcome(_ context: ProxyContext) -> HTML {
    let request = explained.request
    let sentence: HTML
    let colour: String
    switch explained.result.outcome {
    case .clusters(let targets):
      let sum = targets.reduce(0) { $0 + Int($1.weight) }
      let words = targets.map { target -> HTML in
        let share: HTML =
          targets.count > 1 && sum > 0 ? " (\(Int(target.weight)) of \(sum))" : .empty
        return "<strong>\(Self.words(target.cluster))</strong>\(share)"
      }
      sentence = "goes to \(joined(words, " or "))"
      colour = targets.contains { $0.cluster == ClusterName.blackHole } ? "bad" : "good"
    case .redirect(let status, let location):
      sentence = "is redirected (\(Int(status))) to <strong>\(location)</strong>"
      colour = "good"
    case .response(let status):
      sentence = "is answered with <strong>\(Int(status))</strong> by the proxy itself"
      colour = "wait"
    case .noRoute:
      sentence = "is answered with <strong>404</strong>: no route is for it"
      colour = "bad"
    case .closed:
      sentence = "is <strong>closed</strong>: no filter chain takes the connection"
      colour = "bad"
    case .notListening:
      sentence = "reaches nothing: the proxy does not listen there"
      colour = "bad"
    }
    let method: HTML = request.scheme.isHTTP ? "\(request.method) " : .empty
    let whose: HTML =
      context.node.kind == .router ? "at" : request.direction == .inbound ? "to" : "from"
    return """
      <p class="banner \(colour)"><code>\(method)\(request.url)</code> \(whose) \
      \(context.node.shortID) \(sentence).</p>
      """
  }

  /// A cluster's name in words: `reviews.default…, port 9080, subset v1`.
  private static func words(_ cluster: String) -> String {
    guard let name = ClusterName(cluster) else { return cluster }
    guard name.direction == .outbound else { return "the workload's port \(name.port)" }
    let subset = name.subset.isEmpty ? "" : ", subset \(name.subset)"
    return "\(name.host), port \(name.port)\(subset)"
  }

  // MARK: Steps

  private var steps: HTML {
    let cards = explained.result.steps.map { step -> HTML in
      let details = step.details.map { detail -> HTML in "<li>\(detail)</li>" }
      let list: HTML = details.isEmpty ? .empty : "<ul>\(HTML(details))</ul>"
      let place: HTML =
        step.resource.isEmpty ? .empty : " <span class=\"soft\">in \(step.resource)</span>"
      return """
        <li class="step"><h3><span class="kind">\(step.kind.rawValue)</span> <code>\(step.name)\
        </code>\(place)</h3>\(list)\(step.name == "none" ? .empty : objects(step.sources))\(passedOver(step.passedOver))</li>
        """
    }
    return "<h2>The way</h2><ol class=\"way\">\(HTML(cards))</ol>"
  }

  /// How many objects of a step are shown at once.
  private static let shown = 6

  private func objects(_ keys: [ObjectKey]) -> HTML {
    guard !keys.isEmpty else {
      return "<p class=\"made soft\">Made by the mesh's settings.</p>"
    }
    let chips = keys.map(chip)
    guard chips.count > Self.shown else { return "<p class=\"made\">Made by \(HTML(chips))</p>" }
    let rest = HTML(chips.dropFirst(Self.shown))
    return """
      <details class="made"><summary>Made by \(HTML(chips.prefix(Self.shown))) and \
      \(chips.count - Self.shown) more</summary>\(rest)</details>
      """
  }

  private func chip(_ key: ObjectKey) -> HTML {
    let name = key.namespace.isEmpty ? key.name : "\(key.namespace)/\(key.name)"
    let number: HTML =
      generation(key).map { "<span class=\"soft\"> generation \(String($0))</span>" } ?? .empty
    let rollout = "kind=\(key.kind.kind)&namespace=\(key.namespace)&name=\(key.name)"
    return """
      <a class="chip" href="/debug/rollout?pretty&amp;\(rollout)">\(key.kind.kind) <b>\(name)</b>\(number)</a>\u{20}
      """
  }

  private func passedOver(_ passed: [PassedOver]) -> HTML {
    guard !passed.isEmpty else { return .empty }
    let rows = passed.map { one -> HTML in
      "<tr><td><code>\(one.name)</code></td><td>\(one.reason)</td><td>\(HTML(one.sources.map(chip)))</td></tr>"
    }
    let isLong: HTML = passed.count > 8 ? .empty : " open"
    return """
      <details class="passed"\(isLong)><summary>\(passed.count) passed over</summary>
      <table><tbody>\(HTML(rows))</tbody></table></details>
      """
  }

  // MARK: Rules

  private var rules: HTML {
    guard !explained.rules.isEmpty else {
      return "<h2>Rules for the host</h2><p>No VirtualService or DestinationRule names it.</p>"
    }
    let rows = explained.rules.map { rule -> HTML in
      let mark: HTML =
        rule.applies
        ? "<span class=\"good\">applies</span>" : "<span class=\"wait\">passed over</span>"
      return
        "<tr><td class=\"name\">\(mark)</td><td>\(chip(rule.object))</td><td>\(rule.reason)</td></tr>"
    }
    return "<h2>Rules for the host</h2><table><tbody>\(HTML(rows))</tbody></table>"
  }

  private func joined(_ pieces: [HTML], _ separator: HTML) -> HTML {
    HTML(pieces.enumerated().flatMap { $0.offset == 0 ? [$0.element] : [separator, $0.element] })
  }
}
