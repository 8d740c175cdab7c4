// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Which proxies are connected, or were a moment ago and may come back.
///
/// A proxy whose stream has ended goes on with the certificate and the roots that it has, and asks again
/// after a pause, which in Envoy is half a minute at most. A rotation that took it for gone would take
/// a step without it. So nobody counts as gone before a time has passed, and right after a start, when
/// nobody has come back yet, nobody knows whom to wait for.
public final class ProxyAttendance: Sendable {
  /// A proxy, as far as a rotation asks about it.
  public struct Proxy: Hashable, Sendable {
    /// The names by which operators may mean it, the one to show first; the second one is its own.
    public var names: [String]
    /// What it is to the authority.
    public var workload: IssuanceLedger.Workload

    /// A proxy of some names.
    public init(names: [String], workload: IssuanceLedger.Workload) {
      self.names = names
      self.workload = workload
    }
  }

  private struct Seen {
    var proxy: Proxy
    var last: Int64
  }

  private let patience: Int64
  private let start: Int64
  private let seen = Mutex<[[String]: Seen]>([:])

  /// An attendance list of a process.
  ///
  /// - Parameters:
  ///   - patience: How long a proxy may stay away, in seconds.
  ///   - start: When the process began, in seconds since 1970.
  public init(patience: Int64, start: Int64) {
    self.patience = patience
    self.start = start
  }

  /// For how many seconds more proxies may be about that have not come back since the start.
  public func secondsUntilComplete(at now: Int64) -> Int64 {
    max(0, min(patience, start + patience - now))
  }

  /// Notes who is connected.
  ///
  /// - Returns: Who is not, but was within the time.
  @discardableResult
  public func note(_ connected: [Proxy], at now: Int64) -> [Proxy] {
    seen.withLock { seen in
      for proxy in connected { seen[proxy.names] = Seen(proxy: proxy, last: now) }
      let present = Set(connected.map(\.names))
      seen = seen.filter { present.contains($0.key) || now < $0.value.last + patience }
      return seen.filter { !present.contains($0.key) }.map(\.value.proxy)
        .sorted { $0.names.lexicographicallyPrecedes($1.names) }
    }
  }
}
