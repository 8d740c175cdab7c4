// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import Configuration
import Cryptography
import MeshModel

/// What workloads are to trust where the mesh has several roots (`ISTIO_MULTIROOT_MESH`).
enum TrustBundle {
  /// The authority's roots and those of `caCertificates` in the mesh's settings, each once, sorted;
  /// where several roots are off only the authority's, and only if `tellsOwn`, else none.
  ///
  /// - Throws: A refusal that names the field of the certificate that is no root. Istiod then keeps
  ///   what it had, and so should the caller.
  static func merged(
    _ authority: SigningAuthority, _ settings: MeshSettings, tellsOwn: Bool = false
  ) throws(AuthorityError) -> [String] {
    let own = Set(authority.roots.map(\.pem))
    guard settings.feature("ISTIO_MULTIROOT_MESH", default: false) else {
      return tellsOwn ? own.sorted() : []
    }
    var roots = own
    for (index, entry) in settings.mesh.caCertificates.enumerated() {
      guard case .pem(let pem) = entry.certificateData, !pem.isEmpty else { continue }
      do throws(CryptographyError) {
        for certificate in try Certificate.list(pem: Array(pem.utf8)) {
          guard certificate.isAuthority else {
            throw CryptographyError("it may not sign others (no CA certificate)")
          }
          roots.insert(certificate.pem)
        }
      } catch {
        throw AuthorityError("caCertificates[\(index)].pem of the mesh cannot be used: \(error)")
      }
    }
    return roots.sorted()
  }
}
