// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Foundation
import StateDirectory
import Synchronization
import Testing

@testable import CertificateAuthority

/// A replica's keeper over a store, and the time.
final class Replica: Sendable {
  static let start: Int64 = 1_800_000_000
  static let policy = SelfSignedPolicy(organization: "cluster.local")

  let authority: CertificateAuthority
  let keeper: AuthorityKeeper

  init(_ store: any AuthorityStore, copy: StateDirectory? = nil, at time: Int64 = start) {
    let clock = SharedClock(time)

    authority = CertificateAuthority(nil, policy: IssuingPolicy(), now: { clock.now })
    keeper = AuthorityKeeper(
      store, authority: authority, policy: Self.policy, copy: copy, now: { clock.now })
  }

  /// The roots in force, by serial number.
  var roots: Set<String> { authority.current?.rootSerials ?? [] }
  /// The serial number of what signs.
  var signer: String { authority.current?.serial ?? "" }

  private final class SharedClock: Sendable {
    let now: Int64
    init(_ now: Int64) { self.now = now }
  }
}

/// A folder for a state directory, removed with the object.
final class StateFolder: Sendable {
  let path = NSTemporaryDirectory() + "navarch-ca-" + UUID().uuidString
  deinit { try? FileManager.default.removeItem(atPath: path) }
  var store: DirectoryAuthorityStore {
    get throws { DirectoryAuthorityStore(try StateDirectory(path)) }
  }
}

/// Authorities that are kept.
@Suite struct KeepingTests {
  private static let now = Replica.start

  @Test func `an authority is made once, and all replicas agree on it`() async throws {
    let folder = StateFolder()
    let stores: [any AuthorityStore] = [TransientAuthorityStore(), try folder.store]
    for store in stores {
      let replicas = (0..<8).map { _ in Replica(store) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for replica in replicas { group.addTask { try await replica.keeper.refresh() } }
        try await group.waitForAll()
      }
      #expect(Set(replicas.map(\.signer)).count == 1 && !replicas[0].signer.isEmpty)
      #expect(try await !replicas[0].keeper.refresh())
    }
    let kept = try #require(
      try SigningAuthority.kept(in: StateDirectory(folder.path), now: Self.now))
    #expect(kept.certificate.subject == "O = cluster.local" && kept.chain.isEmpty)
    #expect(kept.certificate.notAfter == Self.now + 3650 * 86_400)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/ca")
    #expect(files.sorted() == ["ca-cert.pem", "ca-key.pem", "root-cert.pem"])
    let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/ca/ca-key.pem")
    #expect(mode[.posixPermissions] as? Int == 0o600)
  }

  @Test func `a broken authority is refused, and what is in force stays`() async throws {
    let folder = StateFolder()
    let replica = Replica(try folder.store)
    try await replica.keeper.refresh()
    let signer = replica.signer
    for (file, text) in [
      ("ca-key.pem", "no key"), ("ca-cert.pem", ""),
      ("ca-key.pem", try PrivateKey(generating: .p256).pem()),
    ] {
      let path = folder.path + "/ca/" + file
      let before = try String(contentsOfFile: path, encoding: .utf8)
      try Data(text.utf8).write(to: URL(filePath: path))
      await #expect { try await replica.keeper.refresh() } throws: { error in
        "\(error)".contains(folder.path) && !"\(error)".contains("PRIVATE KEY")
      }
      #expect(replica.signer == signer)
      try Data(before.utf8).write(to: URL(filePath: path))
    }
    try FileManager.default.removeItem(atPath: folder.path + "/ca/ca-key.pem")
    await #expect { try await replica.keeper.refresh() } throws: { "\($0)".contains("ca-key.pem") }
  }

  @Test func `a root is renewed near its end, with its key and name`() async throws {
    let folder = StateFolder()
    let store = try folder.store
    let early = Replica(store)
    try await early.keeper.refresh()
    let old = try #require(early.authority.current)
    #expect(try await !early.keeper.renewIfDue())
    // In the last fifth of ten years.
    let time = Self.now + 3650 * 86_400 * 8 / 10 + 86_400
    let (late, other) = (Replica(store, at: time), Replica(store, at: time))
    try await late.keeper.refresh()
    try await other.keeper.refresh()
    let key = SubjectKey(try PrivateKey(generating: .p256).publicKey())
    let leaf = try late.authority.issue(for: key, names: [.uri("spiffe://a/b")], lifetime: 3600)
    #expect(try await late.keeper.renewIfDue())
    #expect(try await !late.keeper.renewIfDue())
    let new = try #require(late.authority.current)
    #expect(new.serial != old.serial && new.certificate.subject == old.certificate.subject)
    #expect(try new.certificate.publicKey().matches(old.certificate.publicKey()))
    #expect(new.certificate.notAfter == time + 3650 * 86_400)
    // What either signed is trusted by who knows either.
    let fresh = try late.authority.issue(for: key, names: [.uri("spiffe://a/b")], lifetime: 3600)
    try leaf.leaf.certificate().verify(intermediates: [], roots: [new.certificate], at: time)
    try fresh.leaf.certificate().verify(intermediates: [], roots: [old.certificate], at: time)
    // The other replica takes it over when it looks next.
    #expect(try await other.keeper.refresh() && other.signer == late.signer)
  }

  @Test func `a copy stands in where the store is away at the start`() async throws {
    let folder = StateFolder()
    let directory = try StateDirectory(folder.path)
    let store = FailingStore()
    let first = Replica(store, copy: directory)
    #expect(!first.keeper.restoreCopy())
    try await first.keeper.refresh()
    store.fail(always: true)
    let second = Replica(store, copy: directory)
    await #expect(throws: AuthorityError.self) { try await second.keeper.refresh() }
    #expect(second.keeper.restoreCopy() && second.signer == first.signer)
    store.fail(always: false)
    #expect(try await second.keeper.refresh() && second.signer == first.signer)
  }
}

/// A store that fails when it is told to: before it does what it is asked, or after.
final class FailingStore: AuthorityStore {
  private struct State {
    var always = false
    var writes = 0
    var failing: Int?
    var keeps = false
  }

  private let inner: any AuthorityStore
  private let state = Mutex(State())
  var place: String { inner.place }

  init(_ inner: any AuthorityStore = TransientAuthorityStore()) { self.inner = inner }

  /// Whether every request fails.
  func fail(always: Bool) { state.withLock { $0.always = always } }

  /// Lets one write fail, after it was carried out where `keeps`.
  func fail(write number: Int, keeps: Bool) {
    state.withLock { ($0.failing, $0.keeps, $0.writes) = (number, keeps, 0) }
  }

  func read() async throws(AuthorityError) -> KeptAuthority? {
    if state.withLock({ $0.always }) { throw AuthorityError("away", isTemporary: true) }
    return try await inner.read()
  }

  func create(_ authority: StoredAuthority) async throws(AuthorityError) -> Bool {
    try await inner.create(authority)
  }

  func replace(
    _ authority: StoredAuthority, version: String
  ) async throws(AuthorityError) -> Bool {
    let (fails, keeps) = state.withLock { state in
      state.writes += 1
      return (state.writes == state.failing, state.keeps)
    }
    guard fails else { return try await inner.replace(authority, version: version) }
    if keeps { _ = try await inner.replace(authority, version: version) }
    throw AuthorityError("ended", isTemporary: true)
  }
}
