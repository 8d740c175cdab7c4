// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON

extension Envoy.Metadata {
  /// The object that `filter_metadata.istio.config` names.
  var source: ObjectKey? {
    filterMetadata["istio"]?["config"]?.string.flatMap { ObjectKey(configPath: $0) }
  }
}

extension ObjectKey {
  /// The object that a path such as
  /// `/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews` names.
  init?(configPath: String) {
    let parts = configPath.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 8, parts[1] == "apis", parts[4] == "namespaces" else { return nil }
    let name = parts[6].split(separator: "-").joined()
    guard
      let kind = ConfigurationObject.kinds.first(where: {
        $0.group == parts[2] && $0.kind.lowercased() == name
      })
    else { return nil }
    self.init(kind: kind, namespace: parts[5], name: parts[7])
  }
}

/// The object that a part's metadata names, as a list.
func source(_ metadata: Envoy.Metadata?) -> [ObjectKey] {
  metadata?.source.map { [$0] } ?? []
}
