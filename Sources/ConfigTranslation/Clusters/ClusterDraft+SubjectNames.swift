// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension ClusterDraft {
  /// Whom a certificate must name, one of `names`; anyone where there are none.
  ///
  /// Istio's proxies get the field that istiod writes; plain Envoys, of any version, the one that
  /// says of which type a name is, since the other is deprecated.
  func validation(names: [String]) -> Envoy.CertificateValidationContext {
    cluster.make(Envoy.CertificateValidationContext.self) { context in
      for name in names {
        let exact = context.make(Envoy.StringMatcher.self) { $0.exact = name }
        guard !facets.isIstioBuild else {
          context.matchSubjectAltNames.append(exact)
          continue
        }
        context.matchTypedSubjectAltNames.append(
          context.make(Envoy.SubjectAltNameMatcher.self) {
            $0.sanType = ClusterDraft.type(of: name)
            $0.matcher = exact
          })
      }
    }
  }

  private static func type(of name: String) -> Envoy.SubjectAltNameMatcher.SanType {
    if name.contains("://") { return .uri }
    return IPAddress(name) == nil ? .dns : .ipAddress
  }
}
