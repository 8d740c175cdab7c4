// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import Flags
import Glibc
import Lifecycle
import Logging
import Synchronization

/// The DNS server that a workload's lookups are redirected to: it answers from the mesh's table of
/// names, and asks the name servers of resolv.conf for all others (`ISTIO_META_DNS_CAPTURE`).
final class DNSProxy: Service {
  /// Where it listens and whom it asks.
  struct Settings: Sendable {
    /// Where it listens, by UDP and by TCP.
    var addresses: [SocketAddress]
    /// The name servers for what the table does not know.
    var servers: [SocketAddress]
    var client: NameLookup.Client
    /// How long a name server may take (`DNS_FORWARD_TIMEOUT`).
    var timeout = Duration.seconds(5)
    /// Whether all of them are asked at once (`DNS_FORWARD_PARALLEL`).
    var isParallel = false
  }

  /// What the table holds, as it came.
  typealias Table = [String: NameLookup.Entry]

  private struct State {
    var table: Table?
    var lookup: NameLookup?
    var sockets: [DNSSocket] = []
  }

  private let settings: Settings
  private let metrics: AgentMetrics
  private let log: Logger
  private let state = Mutex(State())
  /// A pipe that is written to when the thread is to end.
  private let wake: (reader: Int32, writer: Int32)

  init(_ settings: Settings, metrics: AgentMetrics, log: Logger) throws(AgentError) {
    self.settings = settings
    self.metrics = metrics
    self.log = log
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw AgentError("no pipe can be had for the DNS proxy") }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    wake = (ends[0], ends[1])
  }

  deinit {
    close(wake.reader)
    close(wake.writer)
  }

  /// Whether a table has come.
  var isReady: Bool { state.withLock { $0.lookup != nil } }

  /// The table as it came; empty before the first one.
  var table: Table { state.withLock { $0.table ?? [:] } }

  /// Where it listens: the ports that the system gave where it was asked for any.
  var addresses: [SocketAddress] { state.withLock { $0.sockets.map(\.address) } }

  /// Answers from another table from now on.
  func update(_ table: Table) {
    let lookup = NameLookup(table, for: settings.client)
    state.withLock { state in (state.table, state.lookup) = (table, lookup) }
    log.debug("the table of names has \(lookup.count) hosts")
  }

  /// Takes over a name table from its bytes.
  ///
  /// - Throws: `WireError` where they are none.
  func update(_ bytes: [UInt8]) throws {
    let table = try bytes.withUnsafeBytes { buffer throws(WireError) in
      try Arena.scope { arena throws(WireError) in
        DNSProxy.entries(try Envoy.NameTable(unpacking: buffer, in: arena))
      }
    }
    update(table)
  }

  /// The two sockets of an address; where any port will do, one that is free for both.
  private static func pair(_ address: SocketAddress) throws(AgentError) -> [DNSSocket] {
    var triesLeft = address.port == 0 ? 100 : 0
    while true {
      let datagrams = try DNSSocket(address, isStream: false)
      do throws(AgentError) {
        return [datagrams, try DNSSocket(datagrams.address, isStream: true)]
      } catch {
        close(datagrams.descriptor)
        guard triesLeft > 0 else { throw error }
        triesLeft -= 1
      }
    }
  }

  private static func entries(_ message: Envoy.NameTable) -> Table {
    var table: Table = [:]
    for (name, info) in message.table.elements {
      table[name] = NameLookup.Entry(
        addresses: Array(info.ips), registry: info.registry, shortName: info.shortname,
        namespace: info.namespace)
    }
    return table
  }

  func start() async throws {
    var sockets: [DNSSocket] = []
    do {
      for address in settings.addresses { sockets += try DNSProxy.pair(address) }
    } catch {
      for socket in sockets { close(socket.descriptor) }
      throw error
    }
    state.withLock { $0.sockets = sockets }
    log.info(
      "names are answered at \(settings.addresses.map(\.description).joined(separator: ", "))")
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let (ends, sender) = AsyncStream.makeStream(of: Void.self)
    let wake = wake
    shutdown.onRequest { _ = write(wake.writer, [1], 1) }
    let sockets = state.withLock { $0.sockets }
    let isStarted = AgentThread.start { [self] in
      var loop = DNSLoop(
        sockets: sockets, wake: wake.reader, settings: settings, metrics: metrics,
        lookup: { self.state.withLock { $0.lookup } })
      loop.run()
      sender.finish()
    }
    guard isStarted else { throw AgentError("there is no thread for the DNS proxy") }
    for await _ in ends {}
    // A task that was cancelled comes here before its thread has ended.
    _ = write(wake.writer, [1], 1)
  }
}

/// A socket that listens for questions.
struct DNSSocket: Sendable {
  let descriptor: Int32
  let isStream: Bool
  let address: SocketAddress

  /// Binds an address; port 0 is any that is free.
  init(_ wanted: SocketAddress, isStream: Bool) throws(AgentError) {
    self.isStream = isStream
    let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
    let opened = socket(
      wanted.family, Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let name = isStream ? "TCP" : "UDP"
    guard opened >= 0 else {
      throw AgentError("no \(name) socket can be had: \(String(cString: strerror(errno)))")
    }
    var one: Int32 = 1
    if isStream { setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &one, 4) }
    let isBound = wanted.withRaw { bind(opened, $0, $1) == 0 }
    guard isBound, !isStream || listen(opened, 64) == 0 else {
      let reason = String(cString: strerror(errno))
      close(opened)
      throw AgentError("names cannot be answered at \(wanted) by \(name): \(reason)")
    }
    descriptor = opened
    address = DNSSocket.address(of: opened) ?? wanted
  }

  private static func address(of descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        getsockname(descriptor, raw, &size) == 0 ? SocketAddress(raw: raw) : nil
      }
    }
  }
}
