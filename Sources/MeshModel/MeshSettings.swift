// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// What the whole mesh is set to, besides objects: flags, MeshConfig and MeshNetworks.
public struct MeshSettings: Hashable, Sendable {
  /// The DNS domain of the cluster (`--domain`).
  public var clusterDomain = "cluster.local"
  /// The name of the cluster that the control plane runs in (`--clusterID`, `CLUSTER_ID`).
  public var cluster = "Kubernetes"
  /// The revision that the control plane serves (`REVISION`).
  public var revision = "default"
  /// The mesh configuration, Istio's defaults included.
  public var mesh = Istio.MeshConfig.standard
  /// The networks of the mesh.
  public var networks = Istio.MeshNetworks()
  /// The roots that workloads are to trust, PEM, where the mesh has several; else empty.
  public var trustBundle: [String] = []
  /// Whether hosts of ServiceEntries have the addresses that their status says and no others, since a
  /// leader gives them out; else each control plane gives them out by itself.
  public var readsAllocatedAddresses = false
  /// Istio's environment variables that shape configuration, such as `PILOT_HTTP10`.
  public var features: [String: String] = [:]

  /// Istio's defaults.
  public init() {}

  /// The namespace of mesh-wide configuration.
  public var rootNamespace: String { mesh.rootNamespace }

  /// Whether a feature is on; `standard` where the environment says nothing.
  public func feature(_ name: String, default standard: Bool) -> Bool {
    switch features[name]?.lowercased() {
    case "true", "1", "t": true
    case "false", "0", "f": false
    default: standard
    }
  }
}
