// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import Introspection
import Metrics

/// What both HTTP ports answer.
enum Pages {
  /// Readiness, version, metrics, and the debug pages.
  static func router(_ sources: IntrospectionSources, metrics: MetricsRegistry) -> HTTPRouter {
    var router = HTTPRouter()
    router.on(.get, "/ready") { _ in
      let missing = sources.isReady()
      return missing.isEmpty
        ? .text("") : .text(missing.joined(separator: "\n") + "\n", status: 503)
    }
    router.on(.get, "/version") { _ in .text(sources.version) }
    router.on(.get, "/metrics") { _ in
      .text(metrics.exposition(), contentType: "text/plain; version=0.0.4; charset=utf-8")
    }
    DebugPages(sources).register(on: &router)
    return router
  }
}
