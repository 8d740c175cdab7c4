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
      let found = diagnostics + config.validate()
      problems += found.map { MeshFiles.problem($0, meshBytes, meshPath) }
      return found.contains { $0.severity == .error } ? nil : config
    } catch {
      problems.append(MeshFiles.problem(Diagnostic(error), meshBytes, meshPath))
      return nil
    }
  }

  private func readNetworks(_ problems: inout [StoredDiagnostic]) -> Istio.MeshNetworks? {
    guard let networksBytes else { return .init() }
    guard let value = document(networksBytes, networksPath, &problems) else { return nil }
    do throws(ConfigError) {
      let networks = try Istio.MeshNetworks(decoding: value)
      let found = networks.validate()
      problems += found.map { MeshFiles.problem($0, networksBytes, networksPath) }
      return found.isEmpty ? networks : nil
    } catch {
      problems.append(MeshFiles.problem(Diagnostic(error), networksBytes, networksPath))
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
    _ diagnostic: Diagnostic, _ bytes: [UInt8], _ path: String
  ) -> StoredDiagnostic {
    let line = YAML.line(of: diagnostic.path, in: bytes, document: 0) ?? 0
    return StoredDiagnostic(
      diagnostic.severity == .error ? .rejected : .warning, key: nil,
      origin: ObjectOrigin(file: path, line: line), field: diagnostic.path.description,
      message: diagnostic.message)
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
