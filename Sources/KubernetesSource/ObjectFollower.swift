// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import KubernetesClient
internal import MeshModel

/// Follows the objects of one kind by themselves, apart from what is served.
public struct ObjectFollower: Sendable {
  private let watch: WatchedKind
  private let client: KubernetesClient

  /// A follower that does not run yet.
  ///
  /// - Parameters:
  ///   - namespace: The namespace of the objects; empty for all.
  ///   - fieldSelector: Which objects are told, by fields; empty for all.
  ///   - labelSelector: Which objects are told, by labels; empty for all.
  public init(
    _ kind: ResourceKind, namespace: String = "", fieldSelector: String = "",
    labelSelector: String = "", client: KubernetesClient
  ) {
    watch = WatchedKind(
      kind: kind, namespace: namespace, fieldSelector: fieldSelector, labelSelector: labelSelector)
    self.client = client
  }

  /// Follows until the task is cancelled; reports every action that is no request.
  public func run(_ report: @escaping @Sendable (ReflectorAction) -> Void) async {
    let reader = ObjectReader(kind: watch.kind, readsAllConfigMaps: true)
    let (pokes, sender) = AsyncStream.makeStream(of: ReflectorInput.self)
    await ReflectorRunner(watch: watch, reader: reader, client: client).run(
      pokes: pokes, report: report)
    sender.finish()
  }
}
