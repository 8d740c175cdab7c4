// SPDX-License-Identifier: Apache-2.0

import NameResolution
import Testing

/// The resolver against a server of its own.
struct NameResolverTests {
  private typealias Reply = FakeNameServer.Reply
  private let name = "east.example.com"
  private let six: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]

  private func resolve(_ replies: [String: Reply]) async -> NameAnswer {
    let server = FakeNameServer(replies)
    server.answer(2)
    return await NameResolver(servers: [server.address]).resolve(name)
  }

  @Test func `addresses of both families, sorted, for the shortest lifetime`() async {
    let answer = await resolve([
      "\(name)/1": Reply(addresses: [[192, 0, 2, 9], [192, 0, 2, 1]], seconds: 300),
      "\(name)/28": Reply(addresses: [six], seconds: 45),
    ])
    #expect(answer.addresses == ["192.0.2.1", "192.0.2.9", "2001:db8::1"])
    #expect(answer.lifetime == .seconds(45))
  }

  @Test func `records of authority bound the lifetime`() async {
    let answer = await resolve([
      "\(name)/1": Reply(addresses: [[192, 0, 2, 1]], seconds: 300, authoritySeconds: 20),
      "\(name)/28": Reply(authoritySeconds: 100),
    ])
    #expect(answer == NameAnswer(addresses: ["192.0.2.1"], lifetime: .seconds(20)))
  }

  @Test func `a name that does not exist has no addresses`() async {
    #expect(await resolve([:]) == NameAnswer(addresses: [], lifetime: nil))
  }

  @Test func `a server that fails says nothing`() async {
    let answer = await resolve(["\(name)/1": Reply(code: 2), "\(name)/28": Reply(code: 2)])
    #expect(answer == NameAnswer(addresses: nil, lifetime: nil))
  }

  @Test func `a server that fails is followed by the next`() async {
    let failing = FakeNameServer(["\(name)/1": Reply(code: 2), "\(name)/28": Reply(code: 2)])
    failing.answer(2)
    let good = FakeNameServer(["\(name)/1": Reply(addresses: [[192, 0, 2, 1]])])
    good.answer(2)
    let resolver = NameResolver(servers: [failing.address, good.address])
    #expect(await resolver.resolve(name).addresses == ["192.0.2.1"])
  }

  @Test func `no servers answer nothing`() async {
    let answer = await NameResolver(servers: ["nonsense"]).resolve(name)
    #expect(answer.addresses == nil)
  }
}
