// SPDX-License-Identifier: Apache-2.0

public import Analysis
public import ConfigTranslation
public import Configuration
public import DiscoveryProtocol
public import DiscoveryServer
public import Logging
public import MeshModel

/// What pages may read of a running control plane: functions that answer at once, from any thread.
public struct IntrospectionSources: Sendable {
  /// The snapshot that is served; nil before the first.
  public var snapshot: @Sendable () -> MeshSnapshot?
  /// The streams that are open.
  public var connections: @Sendable () -> [ConnectionStatus]
  /// What a proxy that is connected is served from, by its node id or `name.namespace`.
  public var view: @Sendable (_ proxyID: String) -> ProxyContext?
  /// The same as resources.
  public var resources: @Sendable (_ proxyID: String) -> (any ResourceView)?
  /// What is to be said of the configuration, by file and line.
  public var diagnostics: @Sendable () -> [StoredDiagnostic]
  /// The latest pushes, the newest last.
  public var pushes: @Sendable () -> [PushRecord]
  /// The latest refusals by proxies, the newest last.
  public var refusals: @Sendable () -> [NackRecord]
  /// Which version of an object is served; nil where none is.
  public var servedVersion: @Sendable (ObjectKey) -> ServedVersion? = { _ in nil }
  /// What of the snapshot contradicts itself or leads nowhere; nil before the first.
  public var pushStatus: @Sendable () -> PushStatus? = { nil }
  /// The log, whose levels can be seen and set; nil where they cannot.
  public var logs: LogSystem?
  /// What is not ready yet, a sentence each; empty when ready.
  public var isReady: @Sendable () -> [String]
  /// The control plane's own name, as proxies and pages are told it (the Pod's name).
  public var identity: String
  /// The control plane's version.
  public var version: String
  /// When the streams' clock stood at zero, in seconds since 1970; 0 where pages need no times of
  /// responses.
  public var clockStart: Double = 0

  /// What analyzers find in the snapshot that is served: made when first asked for.
  public var findings: @Sendable () -> [Finding] = { [] }
  /// Where an object is written.
  public var origin: @Sendable (ObjectKey) -> ObjectOrigin? = { _ in nil }

  /// The clusters of the mesh, the control plane's own first.
  public var clusters: @Sendable () -> [ManagedCluster] = { [] }

  /// Sources from these functions.
  public init(
    snapshot: @escaping @Sendable () -> MeshSnapshot?,
    connections: @escaping @Sendable () -> [ConnectionStatus],
    view: @escaping @Sendable (String) -> ProxyContext?,
    resources: @escaping @Sendable (String) -> (any ResourceView)?,
    diagnostics: @escaping @Sendable () -> [StoredDiagnostic],
    pushes: @escaping @Sendable () -> [PushRecord],
    refusals: @escaping @Sendable () -> [NackRecord],
    isReady: @escaping @Sendable () -> [String], identity: String, version: String
  ) {
    self.snapshot = snapshot
    self.connections = connections
    self.view = view
    self.resources = resources
    self.diagnostics = diagnostics
    self.pushes = pushes
    self.refusals = refusals
    self.isReady = isReady
    self.identity = identity
    self.version = version
  }
}
