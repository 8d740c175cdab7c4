// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import Introspection
import Metrics

/// What both HTTP ports answer.
enum Pages {
  /// Readiness, version, metrics, and the debug pages unless `access` is nil.
  static func router(
    _ sources: IntrospectionSources, clusters: ManagedClusters, metrics: MetricsRegistry,
    access: DebugAccess?, rotation: RotationPage?
  ) -> HTTPRouter {
    var router = HTTPRouter()
    router.on(.get, "/ready") { request in
      let missing = sources.isReady()
      guard missing.isEmpty else {
        return .text(missing.joined(separator: "\n") + "\n", status: 503)
      }
      return .text(request.query("verbose") == nil ? "" : clusters.readiness)
    }
    router.on(.get, "/version") { _ in .text(sources.version) }
    router.on(.get, "/metrics") { _ in
      .text(metrics.exposition(), contentType: "text/plain; version=0.0.4; charset=utf-8")
    }
    if let access {
      DebugPages(sources, access: access).register(on: &router)
      rotation?.register(on: &router)
    }
    return router
  }
}
