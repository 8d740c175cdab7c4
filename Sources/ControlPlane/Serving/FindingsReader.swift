// SPDX-License-Identifier: Apache-2.0

import Analysis
import ConfigTranslation
import Configuration
import Cryptography
import EnvoyAPI
import MeshModel
import Synchronization

/// What analyzers find in the snapshot that is served, made when somebody asks and kept until another
/// is served.
final class FindingsReader: Sendable {
  private let known = Mutex<(snapshot: MeshSnapshot, findings: [Finding])?>(nil)

  /// What is found in a snapshot.
  func read(_ snapshot: MeshSnapshot) -> [Finding] {
    if let known = known.withLock({ $0 }), known.snapshot === snapshot { return known.findings }
    let found = snapshot.findings(certificates: .ofNow)
    known.withLock { $0 = (snapshot, found) }
    return found
  }
}

extension CertificateJudge {
  /// Says of a chain whether its first certificate can be read, and holds now.
  fileprivate static let ofNow = CertificateJudge { pem in
    do throws(CryptographyError) {
      let certificate = try Certificate(pem: pem)
      let now = Int64(WallClock.now())
      if now > certificate.notAfter { return "the certificate is out of date" }
      return now < certificate.notBefore ? "the certificate does not hold yet" : nil
    } catch {
      return "\(error)"
    }
  }
}

extension ProxyContext {
  /// The objects that made a resource, such as `VirtualService default/reviews (generation 2)`.
  func origins(of type: ResourceType, _ name: String, in store: ConfigStore) -> [String] {
    provenance(of: type, name).sources.map { key in
      let object = key.namespace.isEmpty ? key.name : "\(key.namespace)/\(key.name)"
      let version = store.servedVersion(of: key).map { " (generation \($0.generation))" } ?? ""
      return "\(key.kind.kind) \(object)\(version)"
    }
  }
}
