// SPDX-License-Identifier: Apache-2.0
//
// Owner: the thread of a DNS proxy, which closes every descriptor before it ends. Threads: that one.

import Glibc
import Metrics

/// The thread of a DNS proxy: poll(2) over its sockets, its clients and the name servers it asks.
struct DNSLoop {
  /// Who asked, and where the answer goes.
  private enum Origin {
    case datagram(Int32, SocketAddress)
    /// A connection, by its descriptor and its number.
    case stream(Int32, Int)
  }

  /// A client's connection.
  private struct Client {
    var number: Int
    var input: [UInt8] = []
    var output: [UInt8] = []
    var deadline: ContinuousClock.Instant
  }

  /// A question that name servers are asked.
  private struct Ask {
    var origin: Origin
    var query: DNSQuery
    var bytes: [UInt8]
    var servers: [SocketAddress]
    var open: Set<Int32> = []
    var began: ContinuousClock.Instant
  }

  /// A socket towards a name server.
  private struct Upstream {
    var ask: Int
    var input: [UInt8] = []
    var output: [UInt8]
    var deadline: ContinuousClock.Instant
  }

  private let sockets: [DNSSocket]
  private let wake: Int32
  private let settings: DNSProxy.Settings
  private let metrics: AgentMetrics
  private let lookup: () -> NameLookup?
  private var clients: [Int32: Client] = [:]
  private var upstreams: [Int32: Upstream] = [:]
  private var asks: [Int: Ask] = [:]
  private var count = 0

  private static let mostAsks = 1024
  private static let mostClients = 256
  /// For how long a connection may be silent (RFC 7766, section 6.2.3: a few seconds).
  private static let patience = Duration.seconds(10)

  init(
    sockets: [DNSSocket], wake: Int32, settings: DNSProxy.Settings, metrics: AgentMetrics,
    lookup: @escaping () -> NameLookup?
  ) {
    self.sockets = sockets
    self.wake = wake
    self.settings = settings
    self.metrics = metrics
    self.lookup = lookup
  }

  /// Serves until there is something to read from `wake`.
  mutating func run() {
    while true {
      var entries = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
      for socket in sockets {
        let isFull = socket.isStream && clients.count >= DNSLoop.mostClients
        entries.append(
          pollfd(fd: socket.descriptor, events: isFull ? 0 : Int16(POLLIN), revents: 0))
      }
      for (descriptor, client) in clients {
        entries.append(DNSLoop.entry(descriptor, isWriting: !client.output.isEmpty))
      }
      for (descriptor, upstream) in upstreams {
        entries.append(DNSLoop.entry(descriptor, isWriting: !upstream.output.isEmpty))
      }
      _ = poll(&entries, nfds_t(entries.count), pause)
      if entries[0].revents != 0 { break }
      for entry in entries.dropFirst() where entry.revents != 0 { handle(entry) }
      expire()
    }
    let all = sockets.map(\.descriptor) + Array(clients.keys) + Array(upstreams.keys)
    for descriptor in all { close(descriptor) }
  }

  private static func entry(_ descriptor: Int32, isWriting: Bool) -> pollfd {
    let events = isWriting ? Int16(POLLIN) | Int16(POLLOUT) : Int16(POLLIN)
    return pollfd(fd: descriptor, events: events, revents: 0)
  }

  /// Until the first deadline, in milliseconds; -1 where there is none.
  private var pause: Int32 {
    let deadlines = clients.values.map(\.deadline) + upstreams.values.map(\.deadline)
    guard let first = deadlines.min() else { return -1 }
    let left = (first - .now).components
    return Int32(
      max(0, min(60_000, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000)))
      + 1
  }

  private mutating func handle(_ entry: pollfd) {
    if let socket = sockets.first(where: { $0.descriptor == entry.fd }) {
      if socket.isStream { accept(socket) } else { receive(socket) }
    } else if clients[entry.fd] != nil {
      serve(entry.fd)
    } else if upstreams[entry.fd] != nil {
      hear(entry.fd)
    }
  }

  /// Ends what has waited for too long.
  private mutating func expire() {
    let now = ContinuousClock.now
    for (descriptor, upstream) in upstreams where upstream.deadline <= now { fail(descriptor) }
    for (descriptor, client) in clients where client.deadline <= now { drop(descriptor) }
  }

  // MARK: - Clients

  private mutating func receive(_ socket: DNSSocket) {
    var buffer = [UInt8](repeating: 0, count: 65_535)
    for _ in 0..<64 {
      var storage = sockaddr_storage()
      var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let (length, sender) = withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
          let length = recvfrom(socket.descriptor, &buffer, buffer.count, 0, raw, &size)
          return (length, length > 0 ? SocketAddress(raw: raw) : nil)
        }
      }
      guard length > 0 else { return }
      if let sender { answer(Array(buffer[..<length]), .datagram(socket.descriptor, sender)) }
    }
  }

  private mutating func accept(_ socket: DNSSocket) {
    let descriptor = Glibc.accept(socket.descriptor, nil, nil)
    guard descriptor >= 0 else { return }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    count += 1
    clients[descriptor] = Client(number: count, deadline: .now + DNSLoop.patience)
  }

  /// Reads what a connection says and writes what waits for it.
  private mutating func serve(_ descriptor: Int32) {
    guard var client = clients[descriptor] else { return }
    let isOpen = DNSLoop.read(descriptor, &client.input)
    var messages: [[UInt8]] = []
    while let message = DNSLoop.message(&client.input) { messages.append(message) }
    if !messages.isEmpty { client.deadline = .now + DNSLoop.patience }
    clients[descriptor] = client
    for message in messages { answer(message, .stream(descriptor, client.number)) }
    if !isOpen || !flush(descriptor) { drop(descriptor) }
  }

  private mutating func flush(_ descriptor: Int32) -> Bool {
    guard var client = clients[descriptor] else { return true }
    let isOpen = DNSLoop.write(descriptor, &client.output)
    clients[descriptor] = client
    return isOpen
  }

  private mutating func drop(_ descriptor: Int32) {
    if clients.removeValue(forKey: descriptor) != nil { close(descriptor) }
  }

  private mutating func answer(_ bytes: [UInt8], _ origin: Origin) {
    guard let query = DNSQuery(bytes) else { return }
    metrics.nameRequests.increment()
    guard let name = query.name, let table = lookup() else {
      return reply(DNSReply(code: .serverFailure), to: query, origin)
    }
    guard query.flags & 0x7800 == 0 else {
      return reply(DNSReply(code: .notImplemented), to: query, origin)
    }
    if let found = table.reply(name, kind: query.kind) { return reply(found, to: query, origin) }
    guard asks.count < DNSLoop.mostAsks else {
      return reply(DNSReply(code: .serverFailure), to: query, origin)
    }
    metrics.nameForwards.increment()
    count += 1
    asks[count] = Ask(
      origin: origin, query: query, bytes: bytes, servers: settings.servers.shuffled(), began: .now)
    next(count)
  }

  private mutating func reply(_ reply: DNSReply, to query: DNSQuery, _ origin: Origin) {
    var limit = query.size
    if case .stream = origin { limit = 65_535 }
    send(reply.message(to: query, limit: limit), origin)
  }

  private mutating func send(_ bytes: [UInt8], _ origin: Origin) {
    switch origin {
    case .datagram(let descriptor, let address):
      _ = address.withRaw { sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
    case .stream(let descriptor, let number):
      guard clients[descriptor]?.number == number else { return }
      clients[descriptor]?.output += DNSLoop.framed(bytes)
      if !flush(descriptor) { drop(descriptor) }
    }
  }

  // MARK: - Name servers

  /// Asks the name server that is next, or all where they are asked at once; says that it failed
  /// where none is left.
  private mutating func next(_ number: Int) {
    guard var ask = asks[number] else { return }
    while let server = ask.servers.popLast() {
      var isStream = false
      if case .stream = ask.origin { isStream = true }
      guard let descriptor = DNSLoop.connect(server, isStream: isStream) else { continue }
      let output = isStream ? DNSLoop.framed(ask.bytes) : ask.bytes
      upstreams[descriptor] = Upstream(
        ask: number, output: output, deadline: .now + settings.timeout)
      ask.open.insert(descriptor)
      if !settings.isParallel { break }
    }
    asks[number] = ask
    guard ask.open.isEmpty else { return }
    metrics.nameFailures.increment()
    asks[number] = nil
    reply(DNSReply(code: .serverFailure), to: ask.query, ask.origin)
  }

  private static func connect(_ server: SocketAddress, isStream: Bool) -> Int32? {
    let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
    let descriptor = socket(
      server.family, Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    let isUnderWay = server.withRaw {
      Glibc.connect(descriptor, $0, $1) == 0 || errno == EINPROGRESS
    }
    guard isUnderWay else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  private mutating func hear(_ descriptor: Int32) {
    guard var upstream = upstreams[descriptor], let ask = asks[upstream.ask] else { return }
    guard DNSLoop.write(descriptor, &upstream.output) else { return fail(descriptor) }
    var answer: [UInt8]?
    var isOpen = true
    if case .stream = ask.origin {
      isOpen = DNSLoop.read(descriptor, &upstream.input)
      answer = DNSLoop.message(&upstream.input)
    } else {
      var buffer = [UInt8](repeating: 0, count: 65_535)
      let length = recv(descriptor, &buffer, buffer.count, 0)
      if length > 0 { answer = Array(buffer[..<length]) }
      isOpen = length > 0 || errno == EAGAIN
    }
    upstreams[descriptor] = upstream
    // What answers another question is none of ours.
    if let answer, answer.count >= 12, answer.starts(with: ask.bytes[..<2]) {
      metrics.nameForwardTime.observe(.now - ask.began)
      finish(upstream.ask)
      send(answer, ask.origin)
    } else if !isOpen {
      fail(descriptor)
    }
  }

  private mutating func fail(_ descriptor: Int32) {
    guard let upstream = upstreams.removeValue(forKey: descriptor) else { return }
    close(descriptor)
    asks[upstream.ask]?.open.remove(descriptor)
    if asks[upstream.ask]?.open.isEmpty == true { next(upstream.ask) }
  }

  private mutating func finish(_ number: Int) {
    guard let ask = asks.removeValue(forKey: number) else { return }
    for descriptor in ask.open where upstreams.removeValue(forKey: descriptor) != nil {
      close(descriptor)
    }
  }

  // MARK: - Bytes

  /// A message as it goes over TCP: its length in two bytes before it (RFC 1035, section 4.2.2).
  private static func framed(_ message: [UInt8]) -> [UInt8] {
    [UInt8(message.count >> 8 & 0xff), UInt8(message.count & 0xff)] + message
  }

  /// Takes the first message that is whole.
  private static func message(_ input: inout [UInt8]) -> [UInt8]? {
    guard input.count >= 2 else { return nil }
    let length = Int(input[0]) << 8 | Int(input[1])
    guard input.count >= 2 + length else { return nil }
    let message = Array(input[2..<(2 + length)])
    input.removeFirst(2 + length)
    return message
  }

  /// Reads what is there; false where the other side has ended.
  private static func read(_ descriptor: Int32, _ input: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    let length = recv(descriptor, &buffer, buffer.count, 0)
    if length > 0 { input += buffer[..<length] }
    return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR))
  }

  /// Writes what can be; false where the other side has ended.
  private static func write(_ descriptor: Int32, _ output: inout [UInt8]) -> Bool {
    guard !output.isEmpty else { return true }
    let length = Glibc.send(descriptor, output, output.count, Int32(MSG_NOSIGNAL))
    if length > 0 { output.removeFirst(length) }
    return length >= 0 || errno == EAGAIN || errno == EINTR || errno == EINPROGRESS
  }
}
