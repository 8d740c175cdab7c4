// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Why a text is no dump, in one sentence.
public struct DumpError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence.
  public let description: String
}

/// What a proxy has: Envoy's config dump (`envoy.admin.v3.ConfigDump`), from Envoy itself, from a
/// file, or as the control plane tells what it served.
public struct ProxyDump: Sendable {
  private let sections: [JSONValue]
  /// The whole text as a value.
  public let value: JSONValue

  /// A dump from its JSON; names of fields may be snake or camel case.
  public init(_ value: JSONValue) throws(DumpError) {
    guard let sections = value["configs"]?.array else {
      throw DumpError(description: "It is no config dump of Envoy: it has no configs.")
    }
    self.sections = sections
    self.value = value
  }

  /// The clusters, those that came over xDS first.
  public var clusters: [JSONValue] {
    messages(
      "ClustersConfigDump",
      [["dynamic_active_clusters", "cluster"], ["static_clusters", "cluster"]])
  }

  /// The listeners that are in use.
  public var listeners: [JSONValue] {
    messages(
      "ListenersConfigDump",
      [["dynamic_listeners", "active_state", "listener"], ["static_listeners", "listener"]])
  }

  /// The route configurations.
  public var routes: [JSONValue] {
    messages(
      "RoutesConfigDump",
      [["dynamic_route_configs", "route_config"], ["static_route_configs", "route_config"]])
  }

  /// The load assignments; a dump of Envoy has them where it was asked with `include_eds`.
  public var endpoints: [JSONValue] {
    messages(
      "EndpointsConfigDump",
      [
        ["dynamic_endpoint_configs", "endpoint_config"],
        ["static_endpoint_configs", "endpoint_config"],
      ])
  }

  /// The clusters, listeners and routes that came over xDS, for a comparison.
  func dynamic(_ type: ComparedType) -> [JSONValue] {
    messages(type.section, [type.path])
  }

  /// Envoy's bootstrap as its dump has it; nil where it is not in the dump, as in one that the control
  /// plane tells.
  public var bootstrap: JSONValue? {
    section("BootstrapConfigDump").first { $0.field("bootstrap") != nil }
  }

  /// The section of extensions, and the extensions in it that came over xDS.
  public var extensionSection: JSONValue? { section("EcdsConfigDump").first }

  /// The extensions that came over xDS.
  var extensions: [JSONValue] {
    messages("EcdsConfigDump", [["ecds_filters", "ecds_filter"]])
  }

  /// The rows of the secrets' section, each with the state that it is in.
  var secrets: [(state: String, row: JSONValue)] {
    let rows = section("SecretsConfigDump")
    return [
      ("ACTIVE", "static_secrets"), ("ACTIVE", "dynamic_active_secrets"),
      ("WARMING", "dynamic_warming_secrets"),
    ].flatMap { state, member in
      rows.flatMap { $0.field(member)?.array ?? [] }.map { (state, $0) }
    }
  }

  /// The secrets' section.
  public var secretRows: [JSONValue] { secrets.map(\.row) }

  private func section(_ name: String) -> [JSONValue] {
    sections.filter { $0["@type"]?.string?.hasSuffix("." + name) == true }
  }

  private func messages(_ name: String, _ paths: [[String]]) -> [JSONValue] {
    section(name).flatMap { section in
      paths.flatMap { path in
        (section.field(path[0])?.array ?? []).compactMap { row in
          path.dropFirst().reduce(Optional(row)) { $0?.field($1) }
        }
      }
    }
  }
}

extension JSONValue {
  /// The member that protobuf JSON writes as `name` or in camel case.
  func field(_ name: String) -> JSONValue? {
    guard let object else { return nil }
    if let found = object[name] { return found }
    let parts = name.split(separator: "_")
    guard parts.count > 1 else { return nil }
    let camel = parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    return object[parts[0] + camel]
  }

  /// The value below these members.
  func at(_ path: String...) -> JSONValue? { path.reduce(Optional(self)) { $0?.field($1) } }

  /// The text below these members; empty where there is none.
  func text(_ path: String...) -> String {
    path.reduce(Optional(self)) { $0?.field($1) }?.string ?? ""
  }

  /// The whole number of a member, which protobuf JSON may write as text.
  func number(_ name: String) -> Int64? {
    let value = field(name)
    return value?.integer ?? value?.string.flatMap { Int64($0) }
  }

  /// The elements of a member; none where it is missing.
  func list(_ name: String) -> [JSONValue] { field(name)?.array ?? [] }

  /// The texts of a member that is a list of them.
  func texts(_ name: String) -> [String] { list(name).compactMap(\.string) }
}
