// SPDX-License-Identifier: Apache-2.0

import Configuration

/// Merges what Telemetry objects say of access logs for one side of calls (Istio's mergeLogs).
struct AccessLogRules {
  /// What is said of one provider.
  struct Rule: Hashable {
    /// The CEL expression that requests must meet.
    var filter: String?
    /// Whether nothing is logged.
    var isDisabled = false
  }

  /// The providers with what is said of them.
  private(set) var providers: [String: Rule] = [:]

  /// The rules of objects, the widest scope first, over the mesh's own providers.
  init(_ objects: [[Istio.AccessLogging]], defaults: [String], clientSide: Bool) {
    guard !objects.isEmpty else {
      for name in defaults { providers[name] = Rule() }
      return
    }
    var inScope = Set(defaults)
    var filters: [String: String] = [:]
    for rules in objects {
      let counting = rules.filter { $0.covers(clientSide: clientSide) }
      let named = counting.flatMap { rule in
        rule.providers.map { (name: $0.name, filter: rule.filter?.expression) }
      }
      for provider in named { filters[provider.name] = provider.filter }
      if !named.isEmpty { inScope = Set(named.map(\.name)) }
    }
    var inherited = defaults
    for rule in objects.flatMap(\.self) {
      if !rule.providers.isEmpty { inherited = rule.providers.map(\.name) }
      guard rule.covers(clientSide: clientSide) else { continue }
      for name in inherited where inScope.contains(name) {
        providers[name] =
          rule.disabled == true ? Rule(isDisabled: true) : Rule(filter: filters[name])
      }
    }
  }
}

extension Istio.AccessLogging {
  fileprivate func covers(clientSide: Bool) -> Bool {
    match?.mode.covers(clientSide: clientSide) ?? true
  }
}
