// SPDX-License-Identifier: Apache-2.0

import Configuration
public import JSON
public import ServiceDiscovery

extension ProxyNode {
  /// A node as its first request describes it; nil where the id is not of Istio's form,
  /// `kind~IP~name.namespace~domain`, or no address is known.
  ///
  /// - Parameters:
  ///   - id: `node.id`.
  ///   - metadata: `node.metadata`, as Istio's agent writes it.
  ///   - locality: `node.locality`.
  ///   - serviceCluster: `node.cluster`.
  ///   - extensions: The names of `node.extensions`.
  ///   - envoyVersion: `node.user_agent_build_version`, such as `1.40.0`.
  ///   - clientFeatures: `node.client_features`.
  public init?(
    id: String, metadata: JSONObject, locality: Locality = Locality(), serviceCluster: String = "",
    extensions: Set<String> = [], envoyVersion: String = "", clientFeatures: Set<String> = []
  ) {
    let parts = id.split(separator: "~", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, let kind = Kind(rawValue: parts[0]) else { return nil }
    let listed = Self.list(metadata["INSTANCE_IPS"]).filter { IPAddress($0) != nil }
    let addresses = listed.isEmpty ? [parts[1]].filter { IPAddress($0) != nil } : listed
    guard !addresses.isEmpty else { return nil }
    let (name, namespace) = Self.nameParts(parts[2])
    self.init(
      id: id, kind: kind, addresses: addresses, name: name,
      namespace: Self.text(metadata["NAMESPACE"]) ?? namespace, dnsDomain: parts[3])
    self.metadata = metadata
    self.locality = locality
    self.serviceCluster = serviceCluster
    self.extensions = extensions
    self.envoyVersion = envoyVersion
    self.clientFeatures = clientFeatures
    readMetadata()
  }

  private mutating func readMetadata() {
    for member in metadata["LABELS"]?.object?.members ?? [] {
      labels[member.key] = member.value.string
    }
    network = text("NETWORK")
    cluster = text("CLUSTER_ID")
    nodeName = text("NODE_NAME")
    serviceAccount = text("SERVICE_ACCOUNT")
    istioVersion = Self.text(metadata["ISTIO_VERSION"])
    interception = Interception(rawValue: text("INTERCEPTION_MODE")) ?? .redirect
    podPorts = Self.ports(metadata["POD_PORTS"])
    generator = text("GENERATOR")
  }

  /// The workload's name and namespace: what stands before and behind the last dot.
  private static func nameParts(_ text: String) -> (String, String) {
    guard let dot = text.utf8.lastIndex(of: UInt8(ascii: ".")) else { return (text, "") }
    return (String(text[..<dot]), String(text[text.utf8.index(after: dot)...]))
  }

  /// A text that is there and not empty.
  private static func text(_ value: JSONValue?) -> String? {
    guard let text = value?.string, !text.isEmpty else { return nil }
    return text
  }

  /// What is written with commas between.
  private static func list(_ value: JSONValue?) -> [String] {
    (value?.string ?? "").split(separator: ",").map(String.init)
  }

  /// `[{"name":"http","containerPort":8080,"protocol":"TCP"}]`, as a text or as a value.
  private static func ports(_ value: JSONValue?) -> [String: UInt32] {
    let parsed = value?.string.flatMap { text in try? JSONValue(parsing: text) } ?? value
    var ports: [String: UInt32] = [:]
    for port in parsed?.array ?? [] {
      guard let name = port["name"]?.string, let number = port["containerPort"]?.portNumber else {
        continue
      }
      ports[name] = number
    }
    return ports
  }
}

extension JSONValue {
  fileprivate var portNumber: UInt32? {
    switch self {
    case .integer(let number): UInt32(exactly: number)
    case .double(let number): UInt32(exactly: number)
    default: nil
    }
  }
}
