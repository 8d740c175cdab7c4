// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Foundation
import JSON
import StateDirectory
import Testing

@testable import CertificateAuthority

/// Changes of the root, step by step.
@Suite struct RotationTests {
  private static let now = Replica.start

  private static func proxy(
    _ name: String, trusts: Bool = true, renewed: Bool = true
  ) -> ProxyTrust {
    ProxyTrust(
      names: ["\(name).default", "sidecar~10.0.0.1~\(name).default~d"], trustsBoth: trusts,
      hasLeafOfSigner: renewed)
  }

  /// The steps of a rotation, each as an operator's command.
  private enum Step: CaseIterable {
    case begin, advance, abort, exclude

    func take(_ keeper: AuthorityKeeper, _ proxies: [ProxyTrust] = []) async throws {
      let next = try keeper.makeNext()
      try await keeper.change { stored throws(AuthorityError) in
        switch self {
        case .begin: try stored.beginRotation(to: next, at: RotationTests.now)
        case .advance: try stored.advanceRotation(among: proxies, at: RotationTests.now)
        case .abort: try stored.abortRotation(at: RotationTests.now)
        case .exclude: try stored.excludeFromRotation(["gone.default"])
        }
      }
    }
  }

  @Test func `both roots are trusted from the first step to the last`() async throws {
    let replica = Replica(TransientAuthorityStore())
    try await replica.keeper.refresh()
    let old = replica.signer
    try await Step.begin.take(replica.keeper)
    #expect(replica.signer == old && replica.roots.count == 2)
    let new = try #require(replica.roots.subtracting([old]).first)
    await #expect(throws: AuthorityError.self) { try await Step.begin.take(replica.keeper) }
    try await Step.advance.take(replica.keeper, [Self.proxy("a")])
    #expect(replica.signer == new && replica.roots == [old, new])
    try await Step.advance.take(replica.keeper, [Self.proxy("a")])
    #expect(replica.signer == new && replica.roots == [new])
    #expect(replica.keeper.current?.rotation == nil && replica.keeper.current?.rotationCount == 1)
  }

  @Test func `a rotation can be taken back in every phase`() async throws {
    for steps in 0...1 {
      let replica = Replica(TransientAuthorityStore())
      try await replica.keeper.refresh()
      let old = replica.signer
      try await Step.begin.take(replica.keeper)
      for _ in 0..<steps { try await Step.advance.take(replica.keeper) }
      try await Step.abort.take(replica.keeper)
      #expect(replica.signer == old)
      if steps == 1 {
        // Leaves of the new root are still about.
        #expect(replica.roots.count == 2 && replica.keeper.current?.rotation?.phase == .reverting)
        await #expect(throws: AuthorityError.self) { try await Step.abort.take(replica.keeper) }
        await #expect(throws: AuthorityError.self) {
          try await Step.advance.take(replica.keeper, [Self.proxy("a", renewed: false)])
        }
        try await Step.advance.take(replica.keeper, [Self.proxy("a")])
      }
      #expect(replica.signer == old && replica.roots == [old])
    }
  }

  @Test func `each step waits for every proxy that is not excluded`() async throws {
    let replica = Replica(TransientAuthorityStore())
    try await replica.keeper.refresh()
    try await Step.begin.take(replica.keeper)
    let behind = [Self.proxy("a"), Self.proxy("gone", trusts: false, renewed: false)]
    await #expect { try await Step.advance.take(replica.keeper, behind) } throws: {
      "\($0)".contains("distributing") && "\($0)".contains("gone.default")
        && !"\($0)".contains("a.default")
    }
    try await Step.exclude.take(replica.keeper)
    try await Step.advance.take(replica.keeper, behind)
    await #expect {
      try await Step.advance.take(replica.keeper, [Self.proxy("b", renewed: false)])
    } throws: { "\($0)".contains("signing") && "\($0)".contains("b.default") }
    try await Step.advance.take(replica.keeper, behind)
    for step in [Step.advance, .abort, .exclude] {
      await #expect(throws: AuthorityError.self) { try await step.take(replica.keeper) }
    }
  }

  /// Ends the process around each write of a rotation, before it is carried out and after; whoever
  /// goes on finds one of the two states, and a leaf of before is always trusted.
  @Test(arguments: [1, 2, 3], [false, true])
  func `a rotation goes on after a crash at any step`(write: Int, keeps: Bool) async throws {
    let folder = StateFolder()
    let store = FailingStore(try folder.store)
    var replica = Replica(store)
    try await replica.keeper.refresh()
    let old = replica.signer
    let key = SubjectKey(try PrivateKey(generating: .p256).publicKey())
    var leaves = [
      try replica.authority.issue(for: key, names: [.uri("spiffe://a/b")], lifetime: 600)
    ]
    store.fail(write: write, keeps: keeps)
    var crashes = 0
    for step in [Step.begin, .advance, .advance] {
      do {
        try await step.take(replica.keeper)
      } catch {
        #expect("\(error)" == "ended")
        crashes += 1
        replica = Replica(store)
        try await replica.keeper.refresh()
        // The same command again; one that was carried out is not carried out twice.
        if !keeps { try await step.take(replica.keeper) }
      }
      let roots = replica.authority.current?.roots ?? []
      if replica.keeper.current?.rotation != nil {
        for leaf in leaves {
          try leaf.leaf.certificate().verify(intermediates: [], roots: roots, at: Self.now)
        }
      }
      leaves.append(
        try replica.authority.issue(for: key, names: [.uri("spiffe://a/b")], lifetime: 600))
      try leaves[leaves.count - 1].leaf.certificate().verify(
        intermediates: [], roots: roots, at: Self.now)
    }
    #expect(crashes == 1 && replica.roots.count == 1 && replica.signer != old)
    #expect(replica.keeper.current?.rotation == nil)
    let other = Replica(try folder.store)
    try await other.keeper.refresh()
    #expect(other.signer == replica.signer && other.keeper.current?.rotationCount == 1)
  }

  /// A process may end between any two files that the last step writes.
  @Test func `files that are half written do not count before all are`() async throws {
    let folder = StateFolder()
    let replica = Replica(try folder.store)
    try await replica.keeper.refresh()
    try await Step.begin.take(replica.keeper)
    try await Step.advance.take(replica.keeper)
    var settled = try #require(replica.keeper.current)
    try settled.advanceRotation(among: [], at: Self.now)
    // The first write of the last step, and the key's file; then the end.
    let directory = try StateDirectory(folder.path)
    try directory.replace("ca-rotation.json", Array(settled.json().text().utf8))
    try FileBytes.replace(folder.path + "/ca/ca-key.pem", Array(settled.current.keyPEM.utf8))
    let other = Replica(try folder.store)
    try await other.keeper.refresh()
    #expect(other.signer == replica.signer && other.roots == [replica.signer])
    // The next change leaves whole files.
    try await Step.begin.take(other.keeper)
    try await Step.abort.take(other.keeper)
    let third = Replica(try folder.store)
    try await third.keeper.refresh()
    #expect(third.signer == replica.signer && third.roots == [replica.signer])
  }

  @Test func `replicas that change it at a time do not lose each other's changes`() async throws {
    let folder = StateFolder()
    let store = try folder.store
    let replicas = (0..<4).map { _ in Replica(store) }
    for replica in replicas { try await replica.keeper.refresh() }
    try await Step.begin.take(replicas[0].keeper)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, replica) in replicas.enumerated() {
        group.addTask {
          try await replica.keeper.change { stored throws(AuthorityError) in
            try stored.excludeFromRotation(["p\(index)"])
          }
        }
      }
      try await group.waitForAll()
    }
    try await replicas[3].keeper.refresh()
    #expect(replicas[3].keeper.current?.rotation?.excluded == ["p0", "p1", "p2", "p3"])
  }

  @Test func `nothing that is said of it has a key in it`() async throws {
    let replica = Replica(TransientAuthorityStore())
    try await replica.keeper.refresh()
    try await Step.begin.take(replica.keeper)
    let stored = try #require(replica.keeper.current)
    #expect(!"\(stored)".contains("PRIVATE") && !"\(stored.current)".contains("PRIVATE"))
    #expect(try StoredAuthority(json: stored.json()) == stored)
  }

  @Test func `the ledger knows who was given what`() throws {
    let replica = Replica(TransientAuthorityStore())
    let policy = SelfSignedPolicy(organization: "a")
    let signer = try SigningAuthority.selfSigned(policy, now: Self.now)
    replica.authority.install(signer)
    let key = SubjectKey(try PrivateKey(generating: .p256).publicKey())
    let issued = try replica.authority.issue(for: key, names: [.uri("spiffe://a/b")], lifetime: 60)
    let ledger = IssuanceLedger(limit: 2)
    func workload(_ peer: String) -> IssuanceLedger.Workload {
      IssuanceLedger.Workload(peer: peer, namespace: "default", serviceAccount: "a")
    }
    for peer in ["ipv4:10.0.0.1:4711", "ipv6:[::1]:4711", "ipv4:10.0.0.3:4711"] {
      ledger.note(workload(peer), issued, signer: issued.signer, at: Self.now)
    }
    #expect(ledger.latest(workload("ipv4:10.0.0.1:80"))?.signer == signer.serial)
    #expect(ledger.latest(workload("ipv6:[::1]:1"))?.roots == [signer.serial])
    #expect(ledger.latest(workload("ipv4:10.0.0.3:80")) == nil)
    // Since when it has them counts, not since the last renewal.
    ledger.note(workload("ipv4:10.0.0.1:1"), issued, signer: issued.signer, at: Self.now + 30)
    #expect(ledger.latest(workload("ipv4:10.0.0.1:1"))?.rootsSince == Self.now)
    ledger.note(workload("ipv4:10.0.0.1:1"), issued, signer: "other", at: Self.now + 40)
    #expect(ledger.latest(workload("ipv4:10.0.0.1:1"))?.signerSince == Self.now + 40)
    // What has expired makes room.
    ledger.note(workload("ipv4:10.0.0.3:1"), issued, signer: issued.signer, at: Self.now + 61)
    #expect(ledger.latest(workload("ipv4:10.0.0.3:80")) != nil)
  }
}
