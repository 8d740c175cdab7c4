// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The files of `--meshConfig` and `--networksConfig`; neither need exist.
struct MeshFiles: Sendable {
  /// The text of `--meshConfig`; nil where there is no such file.
  private(set) var mesh: MeshText?
  /// The text of `--networksConfig`; nil where there is no such file.
  private(set) var networks: MeshText?
  private let meshPath: String
  private let networksPath: String

  /// Reads both files.
  init(mesh: String, networks: String) {
    meshPath = mesh
    networksPath = networks
    self.mesh = MeshFiles.text(of: mesh)
    self.networks = MeshFiles.text(of: networks)
  }

  /// What they say.
  var reading: MeshReading {
    MeshReading(mesh: mesh.map { [$0] } ?? [], networks: networks.map { [$0] } ?? [])
  }

  /// Reads both files again; whether either differs from the last time.
  mutating func refresh() -> Bool {
    let fresh = MeshFiles(mesh: meshPath, networks: networksPath)
    guard fresh.mesh != mesh || fresh.networks != networks else { return false }
    self = fresh
    return true
  }

  private static func text(of path: String) -> MeshText? {
    content(of: path).map { MeshText(origin: path, bytes: $0) }
  }

  /// The bytes of a file; nil where there is none.
  private static func content(of path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
