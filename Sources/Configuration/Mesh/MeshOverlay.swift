// SPDX-License-Identifier: Apache-2.0

public import JSON

extension Istio.Mesh.MeshConfig {
  /// The settings of this mesh where `json` (the text of the ConfigMap's `mesh`) is silent.
  ///
  /// As in istiod, a field that is given replaces the one before, but for: `defaultConfig` and
  /// `defaultProviders`, which are overlaid field by field; `extensionProviders`, which are replaced
  /// by name; `trustDomainAliases`, which are united. Unknown fields are warnings.
  public func overlaid(
    with json: JSONValue
  ) throws(ConfigError) -> (config: Istio.Mesh.MeshConfig, diagnostics: [Diagnostic]) {
    var config = self
    var decoder = ProtoDecoder(at: FieldPath(), unknownFields: .areIgnored)
    try decoder.overlay(json, on: &config)
    if let json = json["defaultConfig"] ?? json["default_config"] {
      config.defaultConfig = try (defaultConfig ?? .standard).overlaid(with: json)
    }
    if let json = json["defaultProviders"] ?? json["default_providers"] {
      var quiet = ProtoDecoder(at: FieldPath(), unknownFields: .areIgnored)
      var providers = defaultProviders ?? .init()
      try quiet.overlay(json, on: &providers)
      config.defaultProviders = providers
    }
    config.extensionProviders = Self.merge(extensionProviders, config.extensionProviders)
    config.trustDomainAliases = Set(trustDomainAliases + config.trustDomainAliases).sorted()
    return (config, decoder.ignored.map { Diagnostic(.warning, at: $0, "unknown field") })
  }

  private static func merge(
    _ old: [ExtensionProvider], _ new: [ExtensionProvider]
  ) -> [ExtensionProvider] {
    var merged = old
    for provider in new {
      if let index = merged.firstIndex(where: { $0.name == provider.name }) {
        merged[index].provider = provider.provider
      } else {
        merged.append(provider)
      }
    }
    return merged
  }
}

extension Istio.Mesh.ProxyConfig {
  /// These settings where `json` (a `defaultConfig`, or the annotation `proxy.istio.io/config`) is
  /// silent; `proxyMetadata` and `proxyHeaders` are overlaid member by member.
  public func overlaid(with json: JSONValue) throws(ConfigError) -> Istio.Mesh.ProxyConfig {
    var config = self
    var decoder = ProtoDecoder(at: FieldPath(), unknownFields: .areIgnored)
    try decoder.overlay(json, on: &config)
    config.proxyMetadata = proxyMetadata.merging(config.proxyMetadata) { $1 }
    if let old = proxyHeaders, var headers = config.proxyHeaders {
      if headers.forwardedClientCert == .protoDefault {
        headers.forwardedClientCert = old.forwardedClientCert
      }
      headers.requestId = headers.requestId ?? old.requestId
      headers.attemptCount = headers.attemptCount ?? old.attemptCount
      headers.server = headers.server ?? old.server
      headers.envoyDebugHeaders = headers.envoyDebugHeaders ?? old.envoyDebugHeaders
      config.proxyHeaders = headers
    }
    return config
  }
}
