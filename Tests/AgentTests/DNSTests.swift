// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import Glibc
import Lifecycle
import Logging
import Testing

@testable import Agent

struct DNSTests {
  private static let client = NameLookup.Client(
    namespace: "shop", domain: "shop.svc.cluster.local",
    search: ["shop.svc.cluster.local", "svc.cluster.local"])

  private static let table: DNSProxy.Table = [
    "web.shop.svc.cluster.local": .init(
      addresses: ["10.0.0.1", "fd00::1"], registry: "Kubernetes", shortName: "web",
      namespace: "shop"),
    "db.data.svc.cluster.local": .init(
      addresses: ["10.0.0.2"], registry: "Kubernetes", shortName: "db", namespace: "data"),
    "pod-0.set.shop.svc.cluster.local": .init(
      addresses: ["10.0.0.3"], registry: "Kubernetes", shortName: "pod-0.set", namespace: "shop"),
    "Example.com": .init(addresses: ["1.1.1.1"], registry: "External"),
    "*.wild.com": .init(addresses: ["2.2.2.2"], registry: "External"),
    "nothing.com": .init(addresses: [], registry: "External"),
  ]

  @Test(
    arguments: [
      ("web.shop.svc.cluster.local.", "10.0.0.1", nil), ("web.", "10.0.0.1", nil),
      ("web.shop.", "10.0.0.1", nil), ("WEB.shop.svc.", "10.0.0.1", nil),
      ("pod-0.set.", "10.0.0.3", nil), ("db.data.", "10.0.0.2", nil),
      (
        "db.data.svc.cluster.local.shop.svc.cluster.local.", "10.0.0.2",
        "db.data.svc.cluster.local."
      ),
      ("db.data.shop.svc.cluster.local.", "10.0.0.2", "db.data."),
      ("example.com.", "1.1.1.1", nil),
      ("example.com.shop.svc.cluster.local.", "1.1.1.1", "example.com."),
      ("a.wild.com.", "2.2.2.2", nil), ("a.b.wild.com.", "2.2.2.2", nil),
      ("db.", nil, nil), ("wild.com.", nil, nil), ("nothing.com.", nil, nil), (".", nil, nil),
      ("example.com.svc.cluster.local.", nil, nil),
      ("web.shop.svc.cluster.local.shop.svc.cluster.local.shop.svc.cluster.local.", nil, nil),
    ] as [(String, String?, String?)])
  func namesAreFoundAsTheyAreSaid(name: String, address: String?, alias: String?) {
    let lookup = NameLookup(DNSTests.table, for: DNSTests.client)
    let reply = lookup.reply(name, kind: DNSQuery.Kind.address)
    #expect(reply?.addresses.map { IPAddress(bytes: $0).description } == address.map { [$0] })
    #expect(reply?.alias == alias)
    #expect(lookup.reply(name, kind: 16) == nil)
  }

  @Test func aHostWithoutAddressesOfAKindHasNone() {
    let lookup = NameLookup(DNSTests.table, for: DNSTests.client)
    #expect(lookup.reply("db.data.", kind: DNSQuery.Kind.address6)?.addresses.isEmpty == true)
    #expect(lookup.reply("web.", kind: DNSQuery.Kind.address6)?.addresses.count == 1)
    #expect(lookup.count == 5)
  }

  @Test func resolvConfIsRead() {
    let text = "# x\nnameserver 10.0.0.10\nsearch a.b. c\nnameserver fd00::1\noptions ndots:5\n"
    let settings = ResolverSettings(parsing: text)
    #expect(settings.servers == ["10.0.0.10", "fd00::1"] && settings.search == ["a.b", "c"])
    #expect(ResolverSettings(parsing: "domain x.y\n").search == ["x.y"])
  }

  /// A question as a resolver sends it.
  static func question(_ name: String, kind: UInt16 = 1, size: UInt16? = nil) -> [UInt8] {
    var bytes: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, size == nil ? 0 : 1]
    for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + label.utf8 }
    bytes += [0, UInt8(kind >> 8), UInt8(kind & 255), 0, 1]
    if let size { bytes += [0, 0, 41, UInt8(size >> 8), UInt8(size & 255), 0, 0, 0, 0, 0, 0] }
    return bytes
  }

  @Test func messagesAreReadAndWritten() throws {
    let query = try #require(DNSQuery(DNSTests.question("Web.Shop", size: 4096)))
    #expect(query.name == "web.shop." && query.kind == 1 && query.size == 4096)
    let addresses = (1...40).map { [10, 0, 0, UInt8($0)] as [UInt8] }
    let reply = DNSReply(isOurs: true, addresses: addresses)
    let whole = reply.message(to: query, limit: 4096)
    // Answer, authoritative, recursion desired; forty records of 16 bytes behind the question.
    #expect(Array(whole[..<8]) == [0x12, 0x34, 0x85, 0, 0, 1, 0, 40])
    #expect(whole.count == 12 + 14 + 40 * 16)
    let cut = reply.message(to: query, limit: 512)
    #expect(cut.count <= 512 && cut[2] & 2 != 0 && cut[7] < 40)
    let alias = DNSReply(isOurs: true, alias: "web.shop.", addresses: [[1, 2, 3, 4]])
      .message(to: query, limit: 512)
    #expect(alias[7] == 2 && alias.suffix(4) == [1, 2, 3, 4])
  }

  @Test func brokenMessagesAreNoQuestions() {
    let good = DNSTests.question("web.shop", size: 1232)
    for count in 12..<good.count { #expect(DNSQuery(Array(good[..<count])) == nil) }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      var bytes = good
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count)] = .random(in: 0...255, using: &generator)
      }
      _ = DNSQuery(bytes)
    }
    #expect(DNSQuery([]) == nil)
    #expect(DNSQuery([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])?.name == nil)
  }
}

/// The proxy over sockets, with a name server of the test's own.
struct DNSProxyTests {
  private static let anyPort = SocketAddress(IPAddress(bytes: [127, 0, 0, 1]), 0)

  /// Runs `body` beside a proxy that forwards to `servers`.
  private func withProxy(
    _ servers: [SocketAddress], timeout: Duration = .seconds(30),
    _ body: (DNSProxy) async throws -> Void
  ) async throws {
    var settings = DNSProxy.Settings(
      addresses: [DNSProxyTests.anyPort], servers: servers,
      client: .init(namespace: "shop", domain: "shop.svc.cluster.local"))
    settings.timeout = timeout
    let proxy = try DNSProxy(settings, metrics: AgentMetrics(), log: LogSystem(sinks: []).scope())
    try await proxy.start()
    let shutdown = ShutdownSignal()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await proxy.run(until: shutdown) }
      do { try await body(proxy) } catch {
        shutdown.request()
        throw error
      }
      shutdown.request()
      try await group.waitForAll()
    }
  }

  /// Asks by UDP or TCP; nil where no answer came.
  private func ask(_ address: SocketAddress, _ bytes: [UInt8], isStream: Bool) async -> [UInt8]? {
    await AgentThread.value {
      let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
      let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
      defer { close(descriptor) }
      var limit = timeval(tv_sec: 30, tv_usec: 0)
      setsockopt(
        descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      guard address.withRaw({ connect(descriptor, $0, $1) == 0 }) else { return nil }
      let message = isStream ? [0, UInt8(bytes.count)] + bytes : bytes
      guard send(descriptor, message, message.count, 0) == message.count else { return nil }
      var answer = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &answer, answer.count, 0)
      return count > 0 ? Array(answer[(isStream ? 2 : 0)..<count]) : nil
    } ?? nil
  }

  @Test(arguments: [false, true])
  func itAnswersFromTheTableAndAsksOthers(isStream: Bool) async throws {
    let table: DNSProxy.Table = [
      "web.shop.svc.cluster.local": .init(
        addresses: ["10.0.0.1"], registry: "Kubernetes", shortName: "web", namespace: "shop")
    ]
    // The name server is a proxy itself: it knows `other` of its own table.
    try await withProxy([]) { server in
      server.update(["other.com": .init(addresses: ["9.9.9.9"], registry: "External")])
      try await withProxy(server.addresses) { proxy in
        let address = try #require(proxy.addresses.first)
        let early = await ask(address, DNSTests.question("web"), isStream: isStream)
        #expect(early.map { $0[3] & 15 } == 2 && !proxy.isReady)
        proxy.update(table)
        #expect(proxy.isReady)
        let known = await ask(address, DNSTests.question("web"), isStream: isStream)
        #expect(known?.suffix(4) == [10, 0, 0, 1])
        let other = await ask(address, DNSTests.question("other.com"), isStream: isStream)
        #expect(other?.suffix(4) == [9, 9, 9, 9])
        // Nobody knows it: the name server has none to ask, and says so.
        let unknown = await ask(address, DNSTests.question("none.com"), isStream: isStream)
        #expect(unknown.map { $0[3] & 15 } == 2)
      }
    }
  }

  @Test func aNameServerThatIsAwayIsPassedOver() async throws {
    let away = try DNSSocket(DNSProxyTests.anyPort, isStream: false)
    close(away.descriptor)
    try await withProxy([]) { server in
      server.update(["other.com": .init(addresses: ["9.9.9.9"], registry: "External")])
      let good = try #require(server.addresses.first)
      try await withProxy([away.address, good]) { proxy in
        proxy.update([:])
        let address = try #require(proxy.addresses.first)
        for _ in 0..<8 {
          let other = await ask(address, DNSTests.question("other.com"), isStream: false)
          #expect(other?.suffix(4) == [9, 9, 9, 9])
        }
      }
    }
  }
}
