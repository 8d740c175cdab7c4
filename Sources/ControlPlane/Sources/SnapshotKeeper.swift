// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesSource
import Logging
import StateDirectory

/// Keeps what a cluster told in the state directory, for a start while its API server is away.
struct SnapshotKeeper: Sendable {
  /// The snapshot that was there at the start; nil where there was none to believe.
  let found: SourceSnapshot?
  private let directory: StateDirectory
  private let server: String
  private let objects: @Sendable () -> [ConfigurationObject]
  private let log: Logger

  private static let file = "cluster.snapshot"
  /// The time between two writes.
  static let pause = Duration.seconds(30)
  /// The most bytes that a snapshot may have.
  private static let limit = 4 << 30

  /// Looks for a snapshot of `server`; one of another, or a broken one, is not used.
  init(
    _ directory: StateDirectory, server: String,
    objects: @escaping @Sendable () -> [ConfigurationObject], log: Logger
  ) {
    self.directory = directory
    self.server = server
    self.objects = objects
    self.log = log
    found = SnapshotKeeper.read(directory.path(SnapshotKeeper.file), server, log)
  }

  private static func read(_ path: String, _ server: String, _ log: Logger) -> SourceSnapshot? {
    do {
      let snapshot = try SourceSnapshot(bytes: try FileBytes.read(path, limit: limit))
      guard snapshot.server == server else {
        log.warn("not used: \(path) is a snapshot of \(snapshot.server), not of \(server)")
        return nil
      }
      return snapshot
    } catch let error as FileError where error.isMissing {
      return nil
    } catch {
      log.error("not used: \(path): \(error)")
      return nil
    }
  }

  /// Writes all that is in use now.
  func write(mesh: [KubernetesSource.MeshText]) {
    let snapshot = SourceSnapshot(
      server: server, time: Int64(WallClock.now()), mesh: mesh, objects: objects())
    do {
      try directory.replace(SnapshotKeeper.file, snapshot.bytes)
    } catch {
      log.error("the snapshot of the cluster cannot be kept: \(error)")
    }
  }
}
