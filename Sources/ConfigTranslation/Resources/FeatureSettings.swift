// SPDX-License-Identifier: Apache-2.0

import MeshModel
import ServiceDiscovery

/// Istio's environment variables that shape clusters and endpoints; values that cannot be read are
/// the standard ones, as in istiod.
extension MeshSettings {
  /// How many queries a socket of the proxy's resolver makes; 0 is no limit
  /// (`PILOT_DNS_CARES_UDP_MAX_QUERIES`).
  var dnsQueryLimit: UInt32 {
    features["PILOT_DNS_CARES_UDP_MAX_QUERIES"].flatMap { UInt32($0) } ?? 100
  }

  /// The most that a proxy waits besides until it asks DNS again (`PILOT_DNS_JITTER_DURATION`).
  var dnsJitter: Duration {
    features["PILOT_DNS_JITTER_DURATION"].flatMap(goDuration) ?? .milliseconds(100)
  }

  /// Whether clusters and endpoints name services and workloads for metrics
  /// (`PILOT_ENABLE_TELEMETRY_LABEL`).
  var labelsTelemetry: Bool { feature("PILOT_ENABLE_TELEMETRY_LABEL", default: true) }

  /// Whether endpoints do (`PILOT_ENDPOINT_TELEMETRY_LABEL`).
  var labelsEndpoints: Bool {
    labelsTelemetry && feature("PILOT_ENDPOINT_TELEMETRY_LABEL", default: true)
  }

  /// The label by which an endpoint says that it only keeps sessions; nil for none
  /// (`PILOT_DRAINING_LABEL`).
  var drainingLabel: String? { label("PILOT_DRAINING_LABEL", "istio.io/draining") }

  /// The label of services whose sessions are kept by a cookie (`PILOT_PERSISTENT_SESSION_LABEL`).
  var cookieLabel: String? {
    label("PILOT_PERSISTENT_SESSION_LABEL", "istio.io/persistent-session")
  }

  /// The label of services whose sessions are kept by a header
  /// (`PILOT_PERSISTENT_SESSION_HEADER_LABEL`).
  var headerLabel: String? {
    label("PILOT_PERSISTENT_SESSION_HEADER_LABEL", "istio.io/persistent-session-header")
  }

  private func label(_ feature: String, _ standard: String) -> String? {
    let name = features[feature] ?? standard
    return name.isEmpty ? nil : name
  }
}

extension MeshService {
  /// Whether sessions stay with the endpoint that began them.
  func hasPersistentSessions(_ settings: MeshSettings) -> Bool {
    [settings.cookieLabel, settings.headerLabel].contains { self[label: $0]?.isEmpty == false }
  }

  /// The value of a label; nil where there is no label to look at.
  subscript(label name: String?) -> String? { name.flatMap { labels[$0] } }
}
