// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// The objects of one cluster that services, endpoints and workloads are made of.
public struct DiscoveryTables: Hashable, Sendable {
  /// The name of an object in its namespace.
  public struct Name: Hashable, Sendable {
    /// The namespace; empty for an object of the whole cluster.
    public var namespace: String
    /// The name.
    public var name: String

    /// The object `name` of `namespace`.
    public init(_ namespace: String, _ name: String) {
      self.namespace = namespace
      self.name = name
    }
  }

  /// Namespaces, under an empty namespace.
  public var namespaces: [Name: ConfigObject<Kubernetes.Namespace>] = [:]
  /// Nodes, under an empty namespace.
  public var nodes: [Name: ConfigObject<Kubernetes.Node>] = [:]
  /// Kubernetes Services.
  public var services: [Name: ConfigObject<Kubernetes.Service>] = [:]
  /// EndpointSlices.
  public var endpointSlices: [Name: ConfigObject<Kubernetes.EndpointSlice>] = [:]
  /// Pods.
  public var pods: [Name: ConfigObject<Kubernetes.Pod>] = [:]
  /// ServiceEntries.
  public var serviceEntries: [Name: ConfigObject<Istio.ServiceEntry>] = [:]
  /// WorkloadEntries.
  public var workloadEntries: [Name: ConfigObject<Istio.WorkloadEntry>] = [:]

  /// No objects.
  public init() {}

  /// Takes `object` in, in place of one of its name; false where no service depends on its kind.
  @discardableResult
  public mutating func insert(_ object: ConfigurationObject) -> Bool {
    let name = Name(object.meta.namespace, object.meta.name)
    switch object {
    case .namespace(let object): namespaces[name] = object
    case .node(let object): nodes[name] = object
    case .service(let object): services[name] = object
    case .endpointSlice(let object): endpointSlices[name] = object
    case .pod(let object): pods[name] = object
    case .serviceEntry(let object): serviceEntries[name] = object
    case .workloadEntry(let object): workloadEntries[name] = object
    default: return false
    }
    return true
  }
}
