// SPDX-License-Identifier: Apache-2.0

import FileSource
import KubernetesClient
import KubernetesSource
import MeshModel
import Synchronization

/// A directory of YAML, and the mesh's files.
final class DirectorySource: ConfigurationSource {
  private struct State {
    var watcher: DirectoryWatcher?
    var files = ConfigurationFiles()
    var changes: [DirectoryChange] = []
    var mesh: MeshReading?
  }

  private let directory: String
  private let meshFiles: MeshFiles
  private let state = Mutex(State())

  /// A source that does not read yet; the mesh's files were read once already.
  init(directory: String, meshFiles: MeshFiles) {
    self.directory = directory
    self.meshFiles = meshFiles
  }

  var missing: [String] { [] }
  var remoteClusters: [RemoteClusters.Entry] { [] }
  var remoteLinks: [String: RemoteClusters.Link] { [:] }

  func client(ofRemote id: String) -> KubernetesClient? { nil }
  var standInAge: Double? { nil }

  /// A directory is read whole.
  func select(_ namespaces: NamespaceSelection) {}

  func start() throws {
    let watcher = try DirectoryWatcher(directory: directory)
    state.withLock { $0.watcher = watcher }
  }

  func run(_ notify: @escaping @Sendable () -> Void) async {
    guard let watcher = state.withLock({ $0.watcher }) else { return }
    await withDiscardingTaskGroup { group in
      group.addTask {
        for await change in watcher.changes {
          self.state.withLock { $0.changes.append(change) }
          notify()
        }
      }
      group.addTask {
        var files = self.meshFiles
        while (try? await ContinuousClock().sleep(for: .seconds(1))) != nil {
          guard files.refresh() else { continue }
          let reading = files.reading
          self.state.withLock { $0.mesh = reading }
          notify()
        }
      }
    }
    watcher.stop()
  }

  func take() -> SourceDelivery? {
    state.withLock { state in
      let change = state.changes.isEmpty ? nil : state.changes.removeFirst()
      defer { state.mesh = nil }
      guard change != nil || state.mesh != nil else { return nil }
      return SourceDelivery(mesh: state.mesh, transaction: change.map { state.files.apply($0) })
    }
  }
}
