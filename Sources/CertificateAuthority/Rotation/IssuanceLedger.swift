// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Synchronization

/// Which root signed the newest certificate of each workload, and which roots it was given with it.
///
/// A workload is known by the host that it asked from and its service account. What has expired is
/// forgotten, and the number is bounded: who is not known is waited for.
public final class IssuanceLedger: Sendable {
  /// A workload.
  public struct Workload: Hashable, Sendable {
    /// The host of its address.
    public var host: String
    /// Its namespace.
    public var namespace: String
    /// Its service account.
    public var serviceAccount: String

    /// A workload at an address as gRPC writes it, such as `ipv4:10.0.0.1:4711`.
    public init(peer: String, namespace: String, serviceAccount: String) {
      let address = peer.split(separator: ":", maxSplits: 1).last.map(String.init) ?? peer
      let end = address.lastIndex(of: ":") ?? address.endIndex
      host = String(address[..<end])
      self.namespace = namespace
      self.serviceAccount = serviceAccount
    }
  }

  /// What a workload was given.
  public struct Issuance: Hashable, Sendable {
    /// The serial number of the certificate that signed.
    public var signer: String
    /// Since when it was given no other one's, in seconds since 1970.
    public var signerSince: Int64
    /// The serial numbers of the roots.
    public var roots: Set<String>
    /// Since when it was given no others, in seconds since 1970.
    public var rootsSince: Int64
    /// When the certificate ends, in seconds since 1970.
    public var end: Int64
  }

  private let entries = Mutex<[Workload: Issuance]>([:])
  private let limit: Int

  /// A ledger of so many workloads at most.
  public init(limit: Int = 100_000) { self.limit = limit }

  /// Remembers what a workload was given just now.
  public func note(_ workload: Workload, _ issued: IssuedCertificate) {
    note(workload, issued, signer: issued.signer, at: issued.issuedAt)
  }

  /// Remembers what a workload was given.
  func note(_ workload: Workload, _ issued: IssuedCertificate, signer: String, at now: Int64) {
    var issuance = Issuance(
      signer: signer, signerSince: now, roots: issued.rootSerials, rootsSince: now,
      end: issued.end)
    entries.withLock { entries in
      if let before = entries[workload] {
        if before.signer == signer { issuance.signerSince = before.signerSince }
        if before.roots == issuance.roots { issuance.rootsSince = before.rootsSince }
      }
      if entries.count >= limit, entries[workload] == nil {
        entries = entries.filter { $0.value.end > now }
        guard entries.count < limit else { return }
      }
      entries[workload] = issuance
    }
  }

  /// What a workload was given last; nil where nothing is known.
  public func latest(_ workload: Workload) -> Issuance? { entries.withLock { $0[workload] } }
}
