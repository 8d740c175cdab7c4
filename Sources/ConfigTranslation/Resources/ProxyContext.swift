// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import MeshModel
public import ServiceDiscovery

/// One proxy at one snapshot: where the inputs of its resources are gathered from.
public struct ProxyContext: Sendable {
  /// The mesh.
  public let mesh: MeshSnapshot
  /// The proxy, completed with what the registry knows of its Pod.
  public let node: ProxyNode
  /// What it sees of the mesh.
  public let outbound: OutboundScope
  /// The services whose traffic it receives, with the ports that it receives it on.
  public let targets: [ServiceTarget]
  /// Where resources are remembered.
  public let cache: ResourceCache
  /// The families of the proxy's addresses.
  let addressFamilies: AddressFamilies

  /// The context of a proxy at a snapshot.
  public init(_ mesh: MeshSnapshot, node: ProxyNode, cache: ResourceCache) {
    self.mesh = mesh
    self.node = mesh.completed(node)
    self.cache = cache
    outbound = mesh.outbound(for: self.node)
    targets = mesh.registry.targets(of: self.node.place)
    addressFamilies = AddressFamilies(of: self.node, settings: mesh.settings)
  }

  /// The context of the same proxy at a later snapshot, of which nothing differs but endpoints of other
  /// workloads.
  public init(_ earlier: ProxyContext, endpointsOf mesh: MeshSnapshot) {
    self.mesh = mesh
    node = earlier.node
    cache = earlier.cache
    outbound = earlier.outbound
    targets = earlier.targets
    addressFamilies = earlier.addressFamilies
  }

  /// The context of a class of proxies; without targets, which differ among them.
  init(_ context: ProxyContext, as shared: OutboundClass) {
    mesh = context.mesh
    node = shared.node
    cache = context.cache
    outbound = context.outbound
    targets = []
    addressFamilies = context.addressFamilies
  }

  /// The context of proxies that have equal load assignments.
  init(_ context: ProxyContext, as shared: EndpointSources) {
    mesh = context.mesh
    node = shared.node
    cache = context.cache
    outbound = context.outbound
    targets = []
    addressFamilies = context.addressFamilies
  }

  /// What the mesh is set to.
  public var settings: MeshSettings { mesh.settings }

  /// The Sidecar that applies to the proxy.
  public var sidecar: Istio.Sidecar? { outbound.sidecar?.spec }
}
