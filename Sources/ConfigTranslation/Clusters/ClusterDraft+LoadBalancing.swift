// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

extension ClusterDraft {
  /// Sets by which rule endpoints are chosen.
  func balance(
    _ rule: Istio.LoadBalancerSettings?, service: MeshService, port: ServicePort
  ) {
    if isForwardProxy { return }
    let common = cluster.commonLbConfig
    if common?.healthyPanicThreshold == nil, service.sendsUnhealthy(settings) {
      common?.healthyPanicThreshold = percent(0)
    }
    setLocalities(rule, service)
    if cluster.type == .originalDst {
      cluster.lbPolicy = .clusterProvided
      return
    }
    if port.protocol == .redis, settings.feature("PILOT_ENABLE_REDIS_FILTER", default: false) {
      cluster.lbPolicy = .maglev
      return
    }
    choose(rule)
    if case .consistentHash(let hash)? = rule?.lbPolicy { cluster.chooseByHash(hash) }
  }

  private func setLocalities(_ rule: Istio.LoadBalancerSettings?, _ service: MeshService) {
    guard let common = cluster.commonLbConfig else { return }
    let balancing = LocalityBalancing.effective(
      mesh: mesh, rule: rule, service: service.trafficDistribution)
    let hasOutlierDetection = cluster.outlierDetection != nil
    if case .zoneAware(let setting)? = balancing, facets.kind != .waypoint {
      common.zoneAwareLbConfig = common.make(Envoy.Cluster.CommonLbConfig.ZoneAwareLbConfig.self) {
        if setting.enabled == false { $0.routingEnabled = percent(0) }
        $0.minClusterSize = setting.minClusterSize
      }
    } else if balancing?.weighsLocalities(hasOutlierDetection: hasOutlierDetection) == true
      || settings.feature("ENABLE_LOCALITY_WEIGHTED_LB_CONFIG", default: false)
    {
      common.localityWeightedLbConfig = common.make(
        Envoy.Cluster.CommonLbConfig.LocalityWeightedLbConfig.self)
    }
  }

  private func choose(_ rule: Istio.LoadBalancerSettings?) {
    let simple: Istio.LoadBalancerSettings.SimpleLB
    if case .simple(let written)? = rule?.lbPolicy {
      simple = written
    } else {
      simple = .unspecified
    }
    switch simple {
    case .random: cluster.lbPolicy = .random
    case .roundRobin:
      cluster.lbPolicy = .roundRobin
      guard let start = slowStart(rule) else { return }
      cluster.roundRobinLbConfig = cluster.make(Envoy.Cluster.RoundRobinLbConfig.self) {
        $0.slowStartConfig = start
      }
    case .passthrough:
      cluster.lbPolicy = .clusterProvided
      cluster.type = .originalDst
      cluster.loadAssignment = nil
    case .unspecified, .leastConn, .leastRequest:
      cluster.lbPolicy = .leastRequest
      guard let start = slowStart(rule) else { return }
      cluster.leastRequestLbConfig = cluster.make(Envoy.Cluster.LeastRequestLbConfig.self) {
        $0.slowStartConfig = start
      }
    }
  }

  /// New endpoints get their share of the load little by little.
  private func slowStart(
    _ rule: Istio.LoadBalancerSettings?
  ) -> Envoy.Cluster.SlowStartConfig? {
    guard let rule, rule.warmup != nil || rule.warmupDurationSecs != nil else { return nil }
    return cluster.make(Envoy.Cluster.SlowStartConfig.self) { start in
      guard let warmup = rule.warmup else {
        start.slowStartWindow = rule.warmupDurationSecs
        return
      }
      start.slowStartWindow = warmup.duration
      start.aggression = start.make(Envoy.RuntimeDouble.self) {
        $0.defaultValue = warmup.aggression ?? 1
        $0.runtimeKey = "("
      }
      start.minWeightPercent = percent(warmup.minimumPercent ?? 10)
    }
  }
}

extension Envoy.Cluster {
  /// Chooses endpoints by a hash of the request, so that equal requests go to one endpoint.
  func chooseByHash(_ hash: Istio.LoadBalancerSettings.ConsistentHashLB) {
    switch hash.hashAlgorithm {
    case .maglev(let maglev)?:
      lbPolicy = .maglev
      guard maglev.tableSize != 0 else { return }
      maglevLbConfig = make(Envoy.Cluster.MaglevLbConfig.self) {
        $0.tableSize = maglev.tableSize
      }
    case .ringHash(let ring)?:
      lbPolicy = .ringHash
      if ring.minimumRingSize != 0 { setRing(ring.minimumRingSize) }
    case nil:
      lbPolicy = .ringHash
      setRing(hash.minimumRingSize == 0 ? 1024 : hash.minimumRingSize)
    }
  }

  private func setRing(_ size: UInt64) {
    ringHashLbConfig = make(Envoy.Cluster.RingHashLbConfig.self) {
      $0.minimumRingSize = size
    }
  }
}
