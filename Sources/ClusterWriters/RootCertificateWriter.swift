// SPDX-License-Identifier: Apache-2.0

internal import Configuration
internal import JSON
public import KubernetesClient
internal import KubernetesSource
internal import MeshModel
internal import Synchronization

/// Keeps the root certificate of the mesh in a ConfigMap of every namespace, from which Pods mount it.
public final class RootCertificateWriter: ClusterWriter {
  /// What is to be where.
  public struct Wish: Hashable, Sendable {
    /// The namespaces that are to have it.
    public var namespaces: Set<String>
    /// The roots in PEM; empty while they are not known, and nothing is written.
    public var root: String

    /// The roots in namespaces.
    public init(namespaces: Set<String>, root: String) {
      self.namespaces = namespaces
      self.root = root
    }
  }

  /// The namespaces of Kubernetes' own that have none, as istiod leaves them out.
  ///
  /// Ztunnel may run in `kube-system`, which has one.
  public static let ignored: Set<String> = ["kube-public", "kube-node-lease", "local-path-storage"]

  private static let entry = "root-cert.pem"
  private static let label = "istio.io/config"

  /// What it writes.
  public let name: String
  private let configMap: String
  private let client: KubernetesClient
  private let watchNamespace: String
  private let changes: AsyncStream<Void>
  private let wish: @Sendable () -> Wish
  private let held = Mutex<(isSynced: Bool, maps: [String: String])>((false, [:]))

  /// A writer of the ConfigMap `configMap`.
  ///
  /// - Parameters:
  ///   - cluster: The cluster that is written to, where it is another than the own one.
  ///   - watchNamespace: The only namespace that is looked at; empty for all.
  ///   - changes: An element whenever what is wished may differ.
  ///   - wish: What is to be where as things stand.
  public init(
    configMap: String = "istio-ca-root-cert", cluster: String = "", client: KubernetesClient,
    watchNamespace: String = "",
    changes: AsyncStream<Void>, wish: @escaping @Sendable () -> Wish
  ) {
    self.configMap = configMap
    name = "root certificates" + (cluster.isEmpty ? "" : " of cluster \(cluster)")
    self.client = client
    self.watchNamespace = watchNamespace
    self.changes = changes
    self.wish = wish
  }

  /// Follows the ConfigMaps of the name.
  public func follow(_ notify: @escaping @Sendable () -> Void) async {
    let follower = ObjectFollower(
      Kubernetes.ConfigMap.kind, namespace: watchNamespace,
      fieldSelector: "metadata.name=\(configMap)", client: client)
    await withDiscardingTaskGroup { group in
      group.addTask { for await _ in self.changes { notify() } }
      await follower.run { action in
        switch action {
        case .change(let change): self.take(change)
        case .synced: self.held.withLock { $0.isSynced = true }
        default: return
        }
        notify()
      }
    }
  }

  func take(_ change: ReflectorChange) {
    held.withLock { held in
      for key in change.removals { held.maps[key.namespace] = nil }
      for object in change.upserts {
        guard case .configMap(let map)? = object.object else { continue }
        let isLabelled = map.meta.labels[RootCertificateWriter.label] == "true"
        held.maps[object.key.namespace] =
          isLabelled ? map.spec.data[RootCertificateWriter.entry] ?? "" : ""
      }
    }
  }

  /// The namespaces whose ConfigMap is missing or says something else.
  public func due() -> [String] {
    let wish = wish()
    guard !wish.root.isEmpty else { return [] }
    return held.withLock { held in
      guard held.isSynced else { return [] }
      return wish.namespaces.filter { held.maps[$0] != wish.root }.sorted()
    }
  }

  /// Makes the ConfigMap of a namespace, or sets the entry and the label of the one that is there.
  public func write(
    _ namespace: String, by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> Bool {
    let root = wish().root
    var path = ObjectPath(plural: "configmaps", namespace: namespace, name: configMap)
    var isNew = false
    do throws(KubernetesRequestError) {
      let found = try await client.object(at: path, by: deadline)
      let wanted = Self.object(found, root)
      if wanted != found {
        _ = try await client.replace(wanted, at: path, by: deadline)
        isNew = true
      }
    } catch {
      guard error.isNotFound else { throw error }
      let made = Self.object(
        [
          "apiVersion": "v1", "kind": "ConfigMap",
          "metadata": ["name": .string(configMap), "namespace": .string(namespace)],
        ], root)
      path.name = ""
      _ = try await client.create(made, in: path, by: deadline)
      isNew = true
    }
    held.withLock { $0.maps[namespace] = root }
    return isNew
  }

  /// An object with the entry and the label, and all else that it has.
  static func object(_ object: JSONValue, _ root: String) -> JSONValue {
    guard case .object(var result) = object else { return object }
    var metadata = result["metadata"]?.object ?? JSONObject()
    var labels = metadata["labels"]?.object ?? JSONObject()
    var data = result["data"]?.object ?? JSONObject()
    labels[label] = "true"
    data[entry] = .string(root)
    metadata["labels"] = .object(labels)
    result["metadata"] = .object(metadata)
    result["data"] = .object(data)
    return .object(result)
  }
}
