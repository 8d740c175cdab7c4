// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Cryptography
import DiscoveryServer

extension WorkloadSecretSource {
  /// New keys whose certificates an authority signs, for the life that it gives where none is asked for.
  ///
  /// - Parameter ledger: Where it is noted who has which, as for those who ask for certificates.
  static func keys(
    signedBy authority: CertificateAuthority, noting ledger: IssuanceLedger
  ) -> WorkloadSecretSource {
    WorkloadSecretSource { identity, peer in
      let key = try PrivateKey(generating: .p256)
      let issued = try authority.issue(
        for: SubjectKey(key.publicKey()), names: [.uri(identity.description)], lifetime: 0)
      ledger.note(
        IssuanceLedger.Workload(
          peer: peer, namespace: identity.namespace, serviceAccount: identity.serviceAccount),
        issued)
      return WorkloadSecrets(
        chain: Array(issued.chainPEM.utf8), key: Array(try key.pem().utf8),
        roots: Array(issued.rootsPEM.utf8), end: issued.end)
    } mark: {
      guard let signer = authority.current else { return [] }
      return signer.certificate.der + signer.roots.flatMap(\.der)
    }
  }
}
