// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import MeshModel
import Metrics
import ServiceDiscovery

extension SourceMetrics {
  /// Counts a sidecar that no service selects, each time that its configuration is made.
  func countIfUntargeted(_ proxy: ProxyContext) {
    guard proxy.node.kind == .sidecar, proxy.targets.isEmpty else { return }
    let reason =
      if !proxy.node.cluster.isEmpty, proxy.node.cluster != proxy.settings.cluster,
        !proxy.mesh.registry.sources.remotes.contains(where: {
          $0.settings.cluster == proxy.node.cluster
        })
      {
        "incorrect_cluster"
      } else if proxy.mesh.registry.pod(of: proxy.node.place) != nil {
        "no_matching_services"
      } else {
        "no_matching_metadata"
      }
    proxiesWithoutService.increment([reason])
  }
}
