// SPDX-License-Identifier: Apache-2.0

import KubernetesClient
import KubernetesSource
import MeshModel

/// Where configuration comes from: files, or an API server.
protocol ConfigurationSource: Sendable {
  /// Prepares; throws what makes reading impossible for good.
  func start() throws
  /// Reads until the task is cancelled, and calls `notify` whenever there is something to take.
  func run(_ notify: @escaping @Sendable () -> Void) async
  /// Takes what is new, all in one; nil where nothing is. For one caller.
  func take() -> SourceDelivery?
  /// Says of which namespaces objects count; others may be left out.
  func select(_ namespaces: NamespaceSelection)
  /// How old, in seconds, what is served of the own cluster is, where a snapshot stands in for its API
  /// server; else nil.
  var standInAge: Double? { get }
  /// What has not been read to its end yet, by name.
  var missing: [String] { get }
  /// The mesh's other clusters, by id.
  var remoteClusters: [RemoteClusters.Entry] { get }
  /// How each of these is reached that has told all.
  var remoteLinks: [String: RemoteClusters.Link] { get }
  /// Leads to the API server of one of them; nil where none has that id.
  func client(ofRemote id: String) -> KubernetesClient?
}

/// What is new at a source: settings apply before objects.
struct SourceDelivery: Sendable {
  /// The mesh's settings, read anew.
  var mesh: MeshReading?
  /// What became of objects.
  var transaction: SourceTransaction?
  /// What became of other clusters' objects.
  var remotes: [RemoteClusters.Delivery] = []
}
