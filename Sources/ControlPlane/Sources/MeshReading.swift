// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import KubernetesSource
import MeshModel
import YAML

/// A text of the mesh's configuration, and where it is written.
struct MeshText: Hashable, Sendable {
  var origin: String
  var bytes: [UInt8]
}

/// What the texts of the mesh's configuration say; nil where one cannot be used, so that the last
/// valid settings stay.
struct MeshReading: Sendable {
  var mesh: Istio.MeshConfig?
  var networks: Istio.MeshNetworks?
  private(set) var problems: [StoredDiagnostic] = []

  /// Reads texts, which are laid over one another in this order; without any, the defaults.
  init(mesh: [MeshText], networks: [MeshText]) {
    self.mesh = readMesh(mesh)
    self.networks = readNetworks(networks)
  }

  /// Reads the ConfigMap of another cluster, of which the trust domain counts: that is empty where there
  /// is no ConfigMap, and nothing is read where it cannot be.
  init(of cluster: String, _ maps: [KubernetesSource.MeshText]) {
    let texts = maps.compactMap { map in
      map.entries["mesh"].map {
        MeshText(origin: "cluster \(cluster), ConfigMap \(map.name), mesh", bytes: Array($0.utf8))
      }
    }
    self.init(mesh: texts, networks: [])
    if texts.isEmpty { mesh?.trustDomain = "" }
  }

  /// What the texts make together is checked as a whole.
  private mutating func readMesh(_ texts: [MeshText]) -> Istio.MeshConfig? {
    var config = Istio.MeshConfig.standard
    for text in texts {
      guard let value = document(text) else { return nil }
      do throws(ConfigError) {
        let (next, diagnostics) = try config.overlaid(with: value)
        config = next
        for diagnostic in diagnostics { note(diagnostic, text) }
      } catch {
        note(Diagnostic(error), text)
        return nil
      }
    }
    guard let last = texts.last else { return config }
    let found = config.validate()
    for diagnostic in found { note(diagnostic, last) }
    return found.contains { $0.severity == .error } ? nil : config
  }

  private mutating func readNetworks(_ texts: [MeshText]) -> Istio.MeshNetworks? {
    // As in istiod, the first text counts, and no other.
    guard let text = texts.first else { return .init() }
    guard let value = document(text) else { return nil }
    do throws(ConfigError) {
      let networks = try Istio.MeshNetworks(decoding: value)
      let found = networks.validate()
      for diagnostic in found { note(diagnostic, text) }
      return found.isEmpty ? networks : nil
    } catch {
      note(Diagnostic(error), text)
      return nil
    }
  }

  /// The one document of a text; of an empty one an empty object.
  private mutating func document(_ text: MeshText) -> JSONValue? {
    let stream = YAML.documents(in: text.bytes)
    guard let error = stream.errors.first else {
      let value = stream.documents.first?.value ?? .null
      return value == .null ? .object(JSONObject()) : value
    }
    problems.append(
      StoredDiagnostic(
        .rejected, key: nil, origin: ObjectOrigin(file: text.origin, line: error.line),
        message: error.reason))
    return nil
  }

  private mutating func note(_ diagnostic: Diagnostic, _ text: MeshText) {
    let line = YAML.line(of: diagnostic.path, in: text.bytes, document: 0) ?? 0
    problems.append(
      StoredDiagnostic(
        diagnostic.severity == .error ? .rejected : .warning, key: nil,
        origin: ObjectOrigin(file: text.origin, line: line), field: diagnostic.path.description,
        message: diagnostic.message))
  }
}
