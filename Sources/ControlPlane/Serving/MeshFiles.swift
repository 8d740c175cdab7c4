// SPDX-License-Identifier: Apache-2.0

import Configuration
import Glibc
import JSON
import MeshModel
import YAML

/// The files of `--meshConfig` and `--networksConfig`; neither need exist.
struct MeshFiles: Sendable {
  /// What the files say; nil where a file cannot be used, whose last valid content stays.
  struct Reading: Sendable {
    var mesh: Istio.MeshConfig?
    var networks: Istio.MeshNetworks?
    var problems: [StoredDiagnostic] = []
  }

  private let meshPath: String
  private let networksPath: String
  private var meshBytes: [UInt8]?
  private var networksBytes: [UInt8]?
  private var hasRead = false

  init(mesh: String, networks: String) {
    meshPath = mesh
    networksPath = networks
  }

  /// Reads both files; nil where neither differs from the last time.
  mutating func readIfChanged() -> Reading? {
    let mesh = MeshFiles.content(of: meshPath)
    let networks = MeshFiles.content(of: networksPath)
    guard !hasRead || mesh != meshBytes || networks != networksBytes else { return nil }
    hasRead = true
    (meshBytes, networksBytes) = (mesh, networks)
    var reading = Reading()
    reading.mesh = readMesh(&reading.problems)
    reading.networks = readNetworks(&reading.problems)
    return reading
  }

  private func readMesh(_ problems: inout [StoredDiagnostic]) -> Istio.MeshConfig? {
    guard let meshBytes else { return .standard }
    guard let value = document(meshBytes, meshPath, &problems) else { return nil }
    do throws(ConfigError) {
      let (config, diagnostics) = try Istio.MeshConfig.standard.overlaid(with: value)
      for diagnostic in diagnostics {
        let line = YAML.line(of: diagnostic.path, in: meshBytes, document: 0) ?? 0
        problems.append(
          StoredDiagnostic(
            .warning, key: nil, origin: ObjectOrigin(file: meshPath, line: line),
            field: diagnostic.path.description, message: diagnostic.message))
      }
      return config
    } catch {
      problems.append(MeshFiles.problem(error, meshBytes, meshPath))
      return nil
    }
  }

  private func readNetworks(_ problems: inout [StoredDiagnostic]) -> Istio.MeshNetworks? {
    guard let networksBytes else { return .init() }
    guard let value = document(networksBytes, networksPath, &problems) else { return nil }
    do throws(ConfigError) {
      return try Istio.MeshNetworks(decoding: value)
    } catch {
      problems.append(MeshFiles.problem(error, networksBytes, networksPath))
      return nil
    }
  }

  /// The one document of a file; of an empty file an empty object.
  private func document(
    _ bytes: [UInt8], _ path: String, _ problems: inout [StoredDiagnostic]
  ) -> JSONValue? {
    let stream = YAML.documents(in: bytes)
    guard let error = stream.errors.first else {
      let value = stream.documents.first?.value ?? .null
      return value == .null ? .object(JSONObject()) : value
    }
    problems.append(
      StoredDiagnostic(
        .rejected, key: nil, origin: ObjectOrigin(file: path, line: error.line),
        message: error.reason))
    return nil
  }

  private static func problem(
    _ error: ConfigError, _ bytes: [UInt8], _ path: String
  ) -> StoredDiagnostic {
    let line = YAML.line(of: error.path, in: bytes, document: 0) ?? 0
    return StoredDiagnostic(
      .rejected, key: nil, origin: ObjectOrigin(file: path, line: line),
      field: error.path.description, message: error.problem)
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
