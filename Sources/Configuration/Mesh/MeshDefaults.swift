// SPDX-License-Identifier: Apache-2.0

extension Istio.Mesh.ProxyConfig {
  /// The settings of a proxy where a mesh says nothing (istiod's `DefaultProxyConfig`).
  public static var standard: Istio.Mesh.ProxyConfig {
    .with {
      $0.configPath = "./etc/istio/proxy"
      $0.clusterName = .serviceCluster("istio-proxy")
      $0.drainDuration = .seconds(45)
      $0.terminationDrainDuration = .seconds(5)
      $0.proxyAdminPort = 15000
      $0.controlPlaneAuthPolicy = .mutualTls
      $0.discoveryAddress = "istiod.istio-system.svc:15012"
      $0.binaryPath = "/usr/local/bin/envoy"
      $0.statNameLength = 189
      $0.statusPort = 15020
    }
  }
}

extension Istio.Mesh.MeshConfig {
  /// The settings of a mesh that says nothing (istiod's `DefaultMeshConfig`).
  public static var standard: Istio.Mesh.MeshConfig {
    .with {
      $0.enableTracing = true
      $0.accessLogEncoding = .text
      $0.protocolDetectionTimeout = .zero
      $0.ingressService = "istio-ingressgateway"
      $0.ingressControllerMode = .strict
      $0.ingressClass = "istio"
      $0.trustDomain = "cluster.local"
      $0.enableAutoMtls = true
      $0.outboundTrafficPolicy = .with { $0.mode = .allowAny }
      $0.inboundTrafficPolicy = .with { $0.mode = .passthrough }
      $0.localityLbSetting = .with { $0.enabled = true }
      $0.defaultConfig = .standard
      $0.rootNamespace = "istio-system"
      $0.proxyListenPort = 15001
      $0.proxyInboundListenPort = 15006
      $0.connectTimeout = .seconds(10)
      $0.defaultServiceExportTo = ["*"]
      $0.defaultVirtualServiceExportTo = ["*"]
      $0.defaultDestinationRuleExportTo = ["*"]
      $0.dnsRefreshRate = .seconds(60)
      $0.enablePrometheusMerge = true
      $0.defaultProviders = .init()
      $0.extensionProviders = standardProviders
    }
  }

  private static var standardProviders: [ExtensionProvider] {
    [
      .with {
        $0.name = "prometheus"
        $0.provider = .prometheus(.init())
      },
      .with {
        $0.name = "stackdriver"
        $0.provider = .stackdriver(.init())
      },
      .with {
        $0.name = "envoy"
        $0.provider = .envoyFileAccessLog(.with { $0.path = "/dev/stdout" })
      },
    ]
  }
}
