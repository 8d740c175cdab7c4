// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON

/// The messages that Envoy's config dump is a list of, in its order.
enum ConfigDump {
  /// All of them; those that a control plane knows nothing of are there and empty, as istiod does.
  static func sections(of served: ServedResources) -> [JSONValue] {
    [
      section("BootstrapConfigDump"),
      section("ClustersConfigDump", "dynamic_active_clusters", of: .cluster, "cluster", served),
      section(
        "EndpointsConfigDump", "dynamic_endpoint_configs", of: .endpoint, "endpoint_config", served),
      listeners(served),
      section("ScopedRoutesConfigDump"),
      section("RoutesConfigDump", "dynamic_route_configs", of: .route, "route_config", served),
      secrets(served),
      section("EcdsConfigDump", "ecds_filters", of: .extensionConfig, "ecds_filter", served),
    ]
  }

  /// The same as messages, without secrets.
  static func messages(of served: ServedResources) -> [EncodedResource] {
    sections(of: served).compactMap { EncodedResource.message(Redaction.redacted($0)) }
  }

  private static func section(_ name: String, _ member: String = "", _ rows: [JSONValue] = [])
    -> JSONValue
  {
    var fields = JSONFields()
    fields.add("@type", "type.googleapis.com/envoy.admin.v3." + name)
    fields.add(member, list: rows)
    return fields.value
  }

  /// A section whose rows hold version, resource and status.
  private static func section(
    _ name: String, _ member: String, of type: ResourceType, _ content: String,
    _ served: ServedResources
  ) -> JSONValue {
    let rows = served.resources(type).map { resource -> JSONValue in
      var row = JSONFields()
      row.add("version_info", resource.version)
      row.add(content, resource.json())
      row.add("client_status", served.status(of: resource))
      return row.value
    }
    return section(name, member, rows)
  }

  private static func listeners(_ served: ServedResources) -> JSONValue {
    let rows = served.resources(.listener).map { resource -> JSONValue in
      var row = JSONFields()
      row.add("name", resource.name)
      row.add(
        "active_state",
        ["version_info": .string(resource.version), "listener": resource.json()])
      row.add("client_status", served.status(of: resource))
      return row.value
    }
    return section("ListenersConfigDump", "dynamic_listeners", rows)
  }

  private static func secrets(_ served: ServedResources) -> JSONValue {
    let rows = served.resources(.secret).map { resource -> JSONValue in
      var row = JSONFields()
      row.add("name", resource.name)
      row.add("version_info", resource.version)
      row.add("secret", resource.json())
      row.add("client_status", served.status(of: resource))
      return row.value
    }
    return section("SecretsConfigDump", "dynamic_active_secrets", rows)
  }
}
