// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

extension ConfigTables {
  /// The kinds that have a table here.
  static let kinds: Set<ResourceKind> = [
    Istio.VirtualService.kind, Istio.DestinationRule.kind, Istio.Gateway.kind, Istio.Sidecar.kind,
    Istio.EnvoyFilter.kind, Istio.ProxyConfig.kind, Istio.AuthorizationPolicy.kind,
    Istio.PeerAuthentication.kind, Istio.RequestAuthentication.kind, Istio.Telemetry.kind,
    Istio.WasmPlugin.kind, Istio.TrafficExtension.kind, Kubernetes.Secret.kind,
    Kubernetes.ConfigMap.kind,
  ]

  /// Makes the table of a kind anew.
  mutating func refresh(_ kind: ResourceKind, from objects: SelectedObjects) {
    refreshTraffic(kind, objects)
    refreshPolicies(kind, objects)
  }

  private mutating func refreshTraffic(_ kind: ResourceKind, _ objects: SelectedObjects) {
    switch kind {
    case Istio.VirtualService.kind:
      virtualServices = objects.table {
        if case .virtualService(let object) = $0 { object } else { nil }
      }
    case Istio.DestinationRule.kind:
      destinationRules = objects.table {
        if case .destinationRule(let object) = $0 { object } else { nil }
      }
    case Istio.Gateway.kind:
      gateways = objects.table {
        if case .gateway(let object) = $0 { object } else { nil }
      }
    case Istio.Sidecar.kind:
      sidecars = objects.table {
        if case .sidecar(let object) = $0 { object } else { nil }
      }
    case Kubernetes.Secret.kind:
      secrets = objects.table {
        if case .secret(let object) = $0 { object } else { nil }
      }
    case Kubernetes.ConfigMap.kind:
      configMaps = objects.table {
        if case .configMap(let object) = $0 { object } else { nil }
      }
    default: break
    }
  }

  private mutating func refreshPolicies(_ kind: ResourceKind, _ objects: SelectedObjects) {
    switch kind {
    case Istio.EnvoyFilter.kind:
      envoyFilters = objects.table {
        if case .envoyFilter(let object) = $0 { object } else { nil }
      }
    case Istio.ProxyConfig.kind:
      proxyConfigs = objects.table {
        if case .proxyConfig(let object) = $0 { object } else { nil }
      }
    case Istio.AuthorizationPolicy.kind:
      authorizationPolicies = objects.table {
        if case .authorizationPolicy(let object) = $0 { object } else { nil }
      }
    case Istio.PeerAuthentication.kind:
      peerAuthentications = objects.table {
        if case .peerAuthentication(let object) = $0 { object } else { nil }
      }
    case Istio.RequestAuthentication.kind:
      requestAuthentications = objects.table {
        if case .requestAuthentication(let object) = $0 { object } else { nil }
      }
    case Istio.Telemetry.kind:
      telemetries = objects.table {
        if case .telemetry(let object) = $0 { object } else { nil }
      }
    case Istio.WasmPlugin.kind:
      wasmPlugins = objects.table {
        if case .wasmPlugin(let object) = $0 { object } else { nil }
      }
    case Istio.TrafficExtension.kind:
      trafficExtensions = objects.table {
        if case .trafficExtension(let object) = $0 { object } else { nil }
      }
    default: break
    }
  }
}

extension DiscoveryTables {
  /// Takes an object out, if it is of a kind that is kept here.
  mutating func remove(_ key: ObjectKey) {
    let name = Name(key.namespace, key.name)
    switch key.kind {
    case Kubernetes.Namespace.kind: namespaces[name] = nil
    case Kubernetes.Node.kind: nodes[name] = nil
    case Kubernetes.Service.kind: services[name] = nil
    case Kubernetes.EndpointSlice.kind: endpointSlices[name] = nil
    case Kubernetes.Pod.kind: pods[name] = nil
    case Istio.ServiceEntry.kind: serviceEntries[name] = nil
    case Istio.WorkloadEntry.kind: workloadEntries[name] = nil
    default: break
    }
  }
}
