// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// A tag of spans, and where its value comes from.
struct TracingTag: Hashable, Sendable {
  /// Where a value comes from.
  enum Source: Hashable, Sendable {
    case literal(String)
    case environment(name: String, default: String)
    case header(name: String, default: String)
    /// A format with Envoy's operators.
    case format(String)
    /// What the filter for authorization says under a key.
    case authorization(String)
  }

  /// The tag's name.
  var name: String
  /// Where its value comes from.
  var source: Source

  /// A tag.
  init(_ name: String, _ source: Source) {
    self.name = name
    self.source = source
  }

  /// A tag of `ProxyConfig.tracing.customTags`.
  init?(_ name: String, _ tag: Istio.Mesh.Tracing.CustomTag) {
    switch tag {
    case .unset: return nil
    case .literal(let literal): self.init(name, .literal(literal.value))
    case .environment(let variable):
      self.init(name, .environment(name: variable.name, default: variable.defaultValue))
    case .header(let header):
      self.init(name, .header(name: header.name, default: header.defaultValue))
    }
  }

  /// A tag of a Telemetry object.
  init?(_ name: String, _ tag: Istio.Tracing.CustomTag) {
    switch tag {
    case .unset: return nil
    case .literal(let literal): self.init(name, .literal(literal.value))
    case .environment(let variable):
      self.init(name, .environment(name: variable.name, default: variable.defaultValue))
    case .header(let header):
      self.init(name, .header(name: header.name, default: header.defaultValue))
    case .formatter(let formatter): self.init(name, .format(formatter.value))
    }
  }

  /// What policies would have decided that are only tried (AuthorizationPolicy's dry run).
  static let dryRunTags: [TracingTag] = ["allow", "deny"].flatMap { action in
    [("name", "effective_policy_id"), ("result", "engine_result")].map { tag, key in
      TracingTag(
        "istio.authorization.dry_run.\(action)_policy.\(tag)",
        .authorization("istio_dry_run_\(action)_shadow_\(key)"))
    }
  }

  /// The message.
  func make(in arena: Arena) -> Envoy.CustomTag {
    let tag = Envoy.CustomTag(arena) { $0.tag = name }
    switch source {
    case .literal(let value):
      tag.literal = tag.make(Envoy.CustomTag.Literal.self) { $0.value = value }
    case .environment(let name, let value):
      tag.environment = tag.make(Envoy.CustomTag.Environment.self) {
        $0.name = name
        $0.defaultValue = value
      }
    case .header(let name, let value):
      tag.requestHeader = tag.make(Envoy.CustomTag.Header.self) {
        $0.name = name
        $0.defaultValue = value
      }
    case .format(let format): tag.value = format
    case .authorization(let key):
      tag.metadata = tag.make(Envoy.CustomTag.Metadata.self) { metadata in
        metadata.kind = metadata.make(Envoy.MetadataKind.self) { $0.request = .init(arena) }
        metadata.metadataKey = metadata.make(Envoy.MetadataKey.self) { path in
          path.key = "envoy.filters.http.rbac"
          path.path.append(path.make(Envoy.MetadataKey.PathSegment.self) { $0.key = key })
        }
      }
    }
    return tag
  }
}
