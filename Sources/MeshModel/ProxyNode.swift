// SPDX-License-Identifier: Apache-2.0

public import JSON
public import ServiceDiscovery

/// A proxy as its first request describes it (Envoy's `Node`, with Istio's metadata).
public struct ProxyNode: Hashable, Sendable {
  /// What the proxy is for: the first part of an Istio node id.
  public enum Kind: String, Hashable, Sendable {
    /// Beside a workload.
    case sidecar
    /// A gateway.
    case router
    /// A waypoint of the ambient mesh.
    case waypoint
    /// The ambient mesh's node proxy.
    case ztunnel
  }

  /// How a workload's traffic comes to its proxy (`INTERCEPTION_MODE`).
  public enum Interception: String, Hashable, Sendable {
    /// By iptables REDIRECT.
    case redirect = "REDIRECT"
    /// By iptables TPROXY, with source addresses kept.
    case tproxy = "TPROXY"
    /// Not at all: the proxy binds the services' ports.
    case none = "NONE"
  }

  /// The node id: `kind~IP~name.namespace~namespace.svc.domain`.
  public var id: String
  /// What the proxy is for.
  public var kind: Kind
  /// Its addresses: those of `INSTANCE_IPS`, else the one of the id.
  public var addresses: [String]
  /// The workload's name, usually a Pod's: the third part of the id up to the last dot.
  public var name: String
  /// The namespace whose configuration it gets.
  public var namespace: String
  /// The fourth part of the id, such as `default.svc.cluster.local`.
  public var dnsDomain: String
  /// Envoy's `node.cluster`.
  public var serviceCluster = ""
  /// The workload's labels: the Pod's where it is known, else `LABELS`.
  public var labels: [String: String] = [:]
  /// The metadata as it came.
  public var metadata = JSONObject()
  /// Where it runs: `node.locality`, or what the registry knows of its Pod.
  public var locality = Locality()
  /// The network it is in (`NETWORK`).
  public var network = ""
  /// The cluster it is in (`CLUSTER_ID`).
  public var cluster = ""
  /// The node (machine) it runs on (`NODE_NAME`).
  public var nodeName = ""
  /// The workload's service account (`SERVICE_ACCOUNT`).
  public var serviceAccount = ""
  /// Istio's version, if the proxy says one (`ISTIO_VERSION`).
  public var istioVersion: String?
  /// How traffic comes to it.
  public var interception = Interception.redirect
  /// The names of the extensions that the node lists.
  public var extensions: Set<String> = []
  /// Envoy's version as text, such as `1.40.0`.
  public var envoyVersion = ""
  /// Envoy's `client_features`.
  public var clientFeatures: Set<String> = []
  /// The ports of the Pod by name (`POD_PORTS`).
  public var podPorts: [String: UInt32] = [:]
  /// The kind of configuration that it asks for (`GENERATOR`), such as `grpc`.
  public var generator = ""
  /// Who the proxy has proved to be; nil on a connection without authentication.
  public var identity: VerifiedIdentity?

  /// A node of an id's parts.
  public init(
    id: String, kind: Kind, addresses: [String], name: String, namespace: String, dnsDomain: String
  ) {
    self.id = id
    self.kind = kind
    self.addresses = addresses
    self.name = name
    self.namespace = namespace
    self.dnsDomain = dnsDomain
  }

  /// Whether the proxy has a filter of Istio's own: one that it lists, or, where it lists none, any
  /// if it reports Istio's version.
  public func hasIstioFilter(_ name: String) -> Bool {
    extensions.isEmpty ? istioVersion != nil : extensions.contains(name)
  }

  /// Where a proxy has the workload's certificate and the mesh's roots from.
  public enum SecretSource: Hashable, Sendable {
    /// From nowhere: it speaks plaintext with its peers.
    case none
    /// From an agent beside it, on the socket of the cluster `sds-grpc`: Istio's agent, or ours, which
    /// says `NAVARCH_AGENT` in the metadata.
    case agent
    /// From the control plane, over ADS: `NAVARCH_SECRETS` in the metadata is `ads`.
    case discovery
    /// From the files `default.yaml` and `ROOTCA.yaml` of a folder, each a secret as Envoy reads it, and
    /// reads it again when it is replaced: `NAVARCH_SECRETS` is `file:FOLDER`.
    case files(folder: String)
  }

  /// The metadata by which a proxy without an agent says where its secrets are.
  public static let secretsKey = "NAVARCH_SECRETS"

  /// Where the workload's certificate comes from.
  public var secretSource: SecretSource {
    if istioVersion != nil || metadata["NAVARCH_AGENT"] != nil { return .agent }
    let place = text(Self.secretsKey)
    let prefix = "file:"
    guard place.hasPrefix(prefix), place != prefix else {
      return place == "ads" ? .discovery : .none
    }
    return .files(folder: String(place.dropFirst(prefix.utf8.count)))
  }

  /// Whether the proxy has a certificate for its workload, so that it can speak mutual TLS.
  public var hasWorkloadSecrets: Bool { secretSource != .none }

  /// Whether the proxy is an unmodified Envoy without any agent, which is to work by itself.
  public var isPlain: Bool { secretSource != .agent }

  /// A metadata value as text, empty where there is none.
  public func text(_ key: String) -> String { metadata[key]?.string ?? "" }

  /// The name of the proxy in debug pages: `name.namespace`.
  public var shortID: String { "\(name).\(namespace)" }

  /// The place where the registry looks for the workload's services.
  public var place: ProxyPlace {
    var place = ProxyPlace(
      addresses: addresses, namespace: namespace, podName: name, labels: labels,
      podPorts: podPorts)
    place.cluster = cluster
    return place
  }
}
