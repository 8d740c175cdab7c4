// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// Who is told of the spans of requests, how many, and with which tags.
struct TracingSettings: Hashable, Sendable {
  /// Whether spans are made.
  var isEnabled = false
  /// The collector; nil where the proxy's bootstrap says who it is.
  var collector: TracingCollector?
  /// How many of the requests that nobody decided on are traced, in percent.
  var sampling = 1.0
  /// The tags, sorted by name.
  var tags: [TracingTag] = []
  /// The most bytes of a path that a tag holds.
  var maxPathLength: UInt32?
  /// Whether a span of its own is made for the call to the next hop.
  var spawnsUpstreamSpan = false

  /// Writes it into a connection manager, and how ids of requests are made.
  func apply(to manager: Envoy.HttpConnectionManager, for trafficClass: TrafficClass) {
    let arena = manager.arena
    manager.requestIdExtension = manager.make(Envoy.RequestIDExtension.self) {
      $0.typedConfig = .pack(
        Envoy.UuidRequestIdConfig(arena) { $0.useRequestIdForTraceSampling = true })
    }
    guard isEnabled else { return }
    manager.tracing = manager.make(Envoy.HttpConnectionManager.Tracing.self) { tracing in
      tracing.clientSampling = Envoy.Percent(arena) { $0.value = 100 }
      tracing.overallSampling = Envoy.Percent(arena) { $0.value = 100 }
      tracing.randomSampling = Envoy.Percent(arena) {
        $0.value = collector?.hasSampler == true ? 100 : sampling
      }
      tracing.customTags = .init(tags.map { $0.make(in: arena) })
      tracing.maxPathTagLength = collector?.maxTagLength ?? maxPathLength
      tracing.provider = collector?.make(in: arena)
      if collector != nil, spawnsUpstreamSpan || collector?.isSkyWalking == true {
        tracing.spawnUpstreamSpan = true
      }
    }
  }
}

extension ProxyContext {
  /// What the mesh asks for: the first of its default tracing providers, else the tracer of the
  /// bootstrap where `enableTracing` is set.
  func tracingSettings(_ config: Istio.Mesh.ProxyConfig) -> TracingSettings {
    var settings = TracingSettings()
    let mesh = self.settings.mesh
    settings.spawnsUpstreamSpan = node.kind == .router
    if let name = mesh.defaultProviders?.tracing.first {
      guard let provider = self.settings.provider(named: name),
        let collector = tracingCollector(of: provider)
      else { return settings }
      settings.collector = collector
    } else if !mesh.enableTracing || node.isPlain {
      // Without a provider the tracer is that of Istio's bootstrap, which others do not have.
      return settings
    }
    settings.isEnabled = true
    settings.sampling = sampling(config.tracing?.sampling ?? 0)
    if let length = config.tracing?.maxPathTagLength, length != 0 {
      settings.maxPathLength = length
    }
    settings.tags = tracingTags(config)
    return settings
  }

  /// `ProxyConfig.tracing.sampling`, else `PILOT_TRACE_SAMPLING`, in percent.
  private func sampling(_ written: Double) -> Double {
    if written != 0 { return written > 100 ? 1 : written }
    guard let text = settings.features["PILOT_TRACE_SAMPLING"], let value = Double(text),
      (0...100).contains(value)
    else { return 1 }
    return value
  }

  private func tracingTags(_ config: Istio.Mesh.ProxyConfig) -> [TracingTag] {
    var tags: [TracingTag] = []
    // With a provider, `enableIstioTags` of the ProxyConfig does not count: as in istiod.
    let hasProvider = !(settings.mesh.defaultProviders?.tracing.isEmpty ?? true)
    if hasProvider || config.tracing?.enableIstioTags ?? true {
      tags = serviceTags + TracingTag.dryRunTags
    }
    for (name, tag) in config.tracing?.customTags ?? [:] {
      if let tag = TracingTag(name, tag) { tags.append(tag) }
    }
    return tags.sorted { $0.name < $1.name }
  }

  private var serviceTags: [TracingTag] {
    let known = { (value: String?, other: String) in
      value.flatMap { $0.isEmpty ? nil : $0 } ?? other
    }
    return [
      .init(
        "istio.canonical_revision",
        .literal(known(node.labels["service.istio.io/canonical-revision"], "latest"))),
      .init(
        "istio.canonical_service",
        .literal(known(node.labels["service.istio.io/canonical-name"], "unknown"))),
      .init("istio.mesh_id", .literal(known(node.text("MESH_ID"), "unknown"))),
      .init("istio.namespace", .literal(known(node.text("NAMESPACE"), "default"))),
      .init("istio.cluster_id", .literal(known(node.text("CLUSTER_ID"), "unknown"))),
    ]
  }
}
