// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesSource
import Logging
import StateDirectory

/// Keeps what clusters told in the state directory, a file each, for a start while an API server is
/// away.
struct SnapshotKeeper: Sendable {
  /// The snapshot of the own cluster that was there at the start; nil where there was none to
  /// believe.
  let found: SourceSnapshot?
  private let directory: StateDirectory
  private let server: String
  private let objects: @Sendable (_ cluster: String?) -> [ConfigurationObject]
  private let log: Logger

  private static let file = "cluster.snapshot"
  /// The time between two writes.
  static let pause = Duration.seconds(30)
  /// The most bytes that a snapshot may have.
  private static let limit = 4 << 30

  /// Looks for a snapshot of `server`; one of another, or a broken one, is not used.
  ///
  /// - Parameter objects: All objects in use, of another cluster or, with nil, of the own.
  init(
    _ directory: StateDirectory, server: String,
    objects: @escaping @Sendable (_ cluster: String?) -> [ConfigurationObject], log: Logger
  ) {
    self.directory = directory
    self.server = server
    self.objects = objects
    self.log = log
    found = SnapshotKeeper.read(directory.path(SnapshotKeeper.file), "", server, log)
  }

  /// The snapshot of another cluster; nil where there is none to believe.
  func snapshot(of cluster: String) -> SourceSnapshot? {
    SnapshotKeeper.read(
      directory.path(SnapshotKeeper.file(of: cluster)), cluster, server, log)
  }

  private static func read(
    _ path: String, _ cluster: String, _ server: String, _ log: Logger
  ) -> SourceSnapshot? {
    do {
      let snapshot = try SourceSnapshot(bytes: try FileBytes.read(path, limit: limit))
      guard snapshot.server == server, snapshot.cluster == cluster else {
        log.warn(
          "not used: \(path) is a snapshot of \(snapshot.server) \(snapshot.cluster), "
            + "not of \(server) \(cluster)")
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

  /// Writes all of the own cluster that is in use now.
  func write(mesh: [KubernetesSource.MeshText]) {
    write(
      SourceSnapshot(
        server: server, time: Int64(WallClock.now()), mesh: mesh, objects: objects(nil)),
      to: SnapshotKeeper.file)
  }

  /// Writes all of another cluster that is in use now.
  func write(cluster: String, mesh: [KubernetesSource.MeshText]) {
    write(
      SourceSnapshot(
        server: server, cluster: cluster, time: Int64(WallClock.now()), mesh: mesh,
        objects: objects(cluster)),
      to: SnapshotKeeper.file(of: cluster))
  }

  /// Forgets another cluster.
  func forget(cluster: String) { directory.remove(SnapshotKeeper.file(of: cluster)) }

  private func write(_ snapshot: SourceSnapshot, to file: String) {
    do {
      try directory.replace(file, snapshot.bytes)
    } catch {
      log.error("the snapshot of the cluster \(snapshot.cluster) cannot be kept: \(error)")
    }
  }

  /// The file of another cluster: an id is the key of a Secret, but nobody need rely on that.
  private static func file(of cluster: String) -> String {
    let bytes = cluster.utf8.map { byte -> String in
      let scalar = Unicode.Scalar(byte)
      let isPlain = scalar.properties.isAlphabetic || (48...57).contains(byte)
      return isPlain && byte < 128 || "-_.".utf8.contains(byte)
        ? String(scalar) : "%" + String(byte, radix: 16, uppercase: true)
    }
    return "cluster-\(bytes.joined()).snapshot"
  }
}
