// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import MeshModel
import RegularExpression

/// How large the program of a regular expression may be.
enum RegexLimit: Hashable, Sendable {
  /// As large as Istio's validation lets any become: so Istio's bootstrap sets Envoy.
  case raised
  /// 100 instructions, which is Envoy's default; more only where the expression says so.
  case standard

  /// The limit of a proxy.
  init(_ node: ProxyNode) {
    let isRaised = node.isProxyless || node.hasIstioFilter("istio.metadata_exchange")
    self = isRaised ? .raised : .standard
  }

  /// The matcher of a pattern.
  ///
  /// Envoy refuses a whole route configuration for one expression beyond the limit. The field that
  /// raises it is deprecated, so that only those have it which need it.
  func matcher(_ pattern: String, in arena: Arena) -> Envoy.RegexMatcher {
    Envoy.RegexMatcher(arena) { matcher in
      matcher.regex = pattern
      guard self == .standard, let regex = try? RegularExpression(pattern),
        regex.programSize > RegexLimit.standardSize
      else { return }
      matcher.googleRe2 = matcher.make(Envoy.RegexMatcher.GoogleRE2.self) {
        $0.maxProgramSize = UInt32(clamping: regex.programSize)
      }
    }
  }

  private static let standardSize = 100
}
