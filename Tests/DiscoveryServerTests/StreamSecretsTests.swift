// SPDX-License-Identifier: Apache-2.0

import Authentication
import Synchronization
import Testing

@testable import DiscoveryServer

struct StreamSecretsTests {
  private struct Away: Error {}

  /// An authority that counts what it issues, each for a hundred seconds from 1000 on.
  private final class Issuer: Sendable {
    let count = Mutex(0)
    let mark = Mutex([UInt8(0)])
    let isAway = Mutex(false)

    var source: WorkloadSecretSource {
      WorkloadSecretSource { [self] identity, peer in
        if isAway.withLock({ $0 }) { throw Away() }
        let number = count.withLock { count in
          count += 1
          return count
        }
        let name = "\(identity) at \(peer), number \(number)"
        return WorkloadSecrets(
          chain: Array(name.utf8), key: [UInt8(number)], roots: mark.withLock { $0 }, end: 1100)
      } mark: { [self] in
        mark.withLock { $0 }
      }
    }
  }

  @Test func theyAreRenewedAtHalfOfTheirLifeAndWhenTheSignerChanges() throws {
    let issuer = Issuer()
    let identity = try #require(SpiffeID("spiffe://td/ns/a/sa/b"))
    var secrets = try StreamSecrets(
      of: identity, at: "ipv4:10.0.0.1:1", from: issuer.source, proofEnd: nil, now: 1000)
    #expect(secrets.resources.keys.sorted() == ["ROOTCA", "default"])
    let first = secrets.resources
    #expect(try !secrets.refresh(now: 1049) && secrets.resources == first)
    #expect(try secrets.refresh(now: 1050) && secrets.resources != first)
    issuer.mark.withLock { $0 = [1] }
    #expect(try secrets.refresh(now: 1051))
    #expect(issuer.count.withLock { $0 } == 3)
    // Where none is to be had, what there was stays.
    let last = secrets.resources
    issuer.isAway.withLock { $0 = true }
    #expect(throws: Away.self) { try secrets.refresh(now: 1099) }
    #expect(secrets.resources == last)
    issuer.isAway.withLock { $0 = false }
    #expect(try secrets.refresh(now: 1099))
  }

  @Test func noneIsMadeOnceTheProofHasEnded() throws {
    let issuer = Issuer()
    let identity = try #require(SpiffeID("spiffe://td/ns/a/sa/b"))
    func made(now: Int64) throws -> StreamSecrets {
      try StreamSecrets(
        of: identity, at: "ipv4:10.0.0.1:1", from: issuer.source, proofEnd: 1060, now: now)
    }
    var secrets = try made(now: 1000)
    #expect(try secrets.refresh(now: 1059))
    // Not at its end, but where there would be another.
    let last = secrets.resources
    #expect(try !secrets.refresh(now: 1070) && secrets.resources == last)
    #expect(throws: ProofEnded.self) { try secrets.refresh(now: 1080) }
    issuer.mark.withLock { $0 = [1] }
    #expect(throws: ProofEnded.self) { try secrets.refresh(now: 1061) }
    #expect(secrets.resources == last && issuer.count.withLock { $0 } == 2)
    #expect(throws: ProofEnded.self) { _ = try made(now: 1060) }
  }
}
