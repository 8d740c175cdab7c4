// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// Who is told of the spans of requests, how many, and with which tags, on each side of calls.
struct TracingSettings: Hashable, Sendable {
  /// One side of calls.
  struct Side: Hashable, Sendable {
    /// Whether spans are made.
    var isEnabled = false
    /// The collector; nil where the proxy's bootstrap says who it is.
    var collector: TracingCollector?
    /// How many of the requests that nobody decided on are traced, in percent.
    var sampling = 1.0
    /// The tags, sorted by name.
    var tags: [TracingTag] = []
    /// Whether the id of a request decides.
    var usesRequestID = true
  }

  /// Calls that the workload makes.
  var client = Side()
  /// Calls that it serves.
  var server = Side()
  /// The most bytes of a path that a tag holds.
  var maxPathLength: UInt32?
  /// Whether a span of its own is made for the call to the next hop.
  var spawnsUpstreamSpan = false

  /// Writes it into a connection manager, and how ids of requests are made.
  func apply(to manager: Envoy.HttpConnectionManager, for trafficClass: TrafficClass) {
    let arena = manager.arena
    let side = trafficClass.isClientSide ? client : server
    manager.requestIdExtension = manager.make(Envoy.RequestIDExtension.self) {
      $0.typedConfig = .pack(
        Envoy.UuidRequestIdConfig(arena) {
          $0.useRequestIdForTraceSampling = side.isEnabled ? side.usesRequestID : true
        })
    }
    guard side.isEnabled else { return }
    manager.tracing = manager.make(Envoy.HttpConnectionManager.Tracing.self) { tracing in
      tracing.clientSampling = Envoy.Percent(arena) { $0.value = 100 }
      tracing.overallSampling = Envoy.Percent(arena) { $0.value = 100 }
      tracing.randomSampling = Envoy.Percent(arena) {
        $0.value = side.collector?.hasSampler == true ? 100 : side.sampling
      }
      tracing.customTags = .init(side.tags.map { $0.make(in: arena) })
      tracing.maxPathTagLength = side.collector?.maxTagLength ?? maxPathLength
      tracing.provider = side.collector?.make(in: arena)
      if let collector = side.collector, spawnsUpstreamSpan || collector.isSkyWalking {
        tracing.spawnUpstreamSpan = true
      }
    }
  }
}

extension ProxyContext {
  /// What Telemetry objects and the first of the mesh's tracing providers ask for, else the tracer
  /// of the bootstrap where `enableTracing` is set.
  func tracingSettings(
    _ config: Istio.Mesh.ProxyConfig, _ rules: TelemetryRules
  ) -> TracingSettings {
    var settings = TracingSettings()
    settings.spawnsUpstreamSpan =
      node.kind == .router
      && self.settings.feature("PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY", default: true)
    if let length = config.tracing?.maxPathTagLength, length != 0 {
      settings.maxPathLength = length
    }
    settings.client = tracing(config, rules.tracing, clientSide: true)
    settings.server = tracing(config, rules.tracing, clientSide: false)
    return settings
  }

  private func tracing(
    _ config: Istio.Mesh.ProxyConfig, _ rules: [Istio.Tracing], clientSide: Bool
  ) -> TracingSettings.Side {
    var side = TracingSettings.Side()
    side.sampling = sampling(config.tracing?.sampling ?? 0)
    var provider = settings.mesh.defaultProviders?.tracing.first
    guard provider != nil || !rules.isEmpty else {
      // Without a provider the tracer is that of Istio's bootstrap, which others do not have.
      side.isEnabled = settings.mesh.enableTracing && !node.isPlain
      side.tags = tags(config, [:], hasIstioTags: config.tracing?.enableIstioTags ?? true)
      return side
    }
    var isDisabled = false
    var custom: [String: Istio.Tracing.CustomTag] = [:]
    var hasIstioTags = true
    for rule in rules where rule.match?.mode.covers(clientSide: clientSide) ?? true {
      provider = rule.providers.first?.name ?? provider
      isDisabled = rule.disableSpanReporting ?? isDisabled
      if !rule.customTags.isEmpty { custom = rule.customTags }
      side.sampling = rule.randomSamplingPercentage ?? side.sampling
      side.usesRequestID = rule.useRequestIdForTraceSampling ?? side.usesRequestID
      hasIstioTags = rule.enableIstioTags ?? hasIstioTags
    }
    side.collector = provider.flatMap(settings.provider).flatMap(tracingCollector)
    side.isEnabled = !isDisabled && side.collector != nil
    side.tags = tags(config, custom, hasIstioTags: hasIstioTags)
    return side
  }

  /// `ProxyConfig.tracing.sampling`, else `PILOT_TRACE_SAMPLING`, in percent.
  private func sampling(_ written: Double) -> Double {
    if written != 0 { return written > 100 ? 1 : written }
    guard let text = settings.features["PILOT_TRACE_SAMPLING"], let value = Double(text),
      (0...100).contains(value)
    else { return 1 }
    return value
  }

  /// The tags of Telemetry objects, else of the ProxyConfig, with Istio's own.
  private func tags(
    _ config: Istio.Mesh.ProxyConfig, _ custom: [String: Istio.Tracing.CustomTag],
    hasIstioTags: Bool
  ) -> [TracingTag] {
    var tags = hasIstioTags ? serviceTags + TracingTag.dryRunTags : []
    if custom.isEmpty {
      for (name, tag) in config.tracing?.customTags ?? [:] {
        if let tag = TracingTag(name, tag) { tags.append(tag) }
      }
    } else {
      for (name, tag) in custom {
        if let tag = TracingTag(name, tag) { tags.append(tag) }
      }
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
