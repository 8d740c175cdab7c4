// SPDX-License-Identifier: Apache-2.0

import Configuration
import Testing

@Suite struct IPAddressTests {
  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4"), ("::", "::"), ("::1", "::1"),
    ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("fe80::", "fe80::"), ("::ffff:1.2.3.4", "::ffff:102:304"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
  ])
  func readsAndWrites(text: String, written: String) {
    #expect(IPAddress(text)?.description == written)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", ":::", "1::2::3", "1:2:3:4:5:6:7",
    "12345::", ":1", "1:", "::g", "1.2.3.4::", "+1.2.3.4", "::+1", "1:2:3:4:5:6:7::8",
  ])
  func refuses(text: String) { #expect(IPAddress(text) == nil) }

  @Test func rangesContain() throws {
    let range = try #require(IPRange("10.1.0.0/16"))
    #expect(range.contains(try #require(IPAddress("10.1.2.3"))))
    #expect(!range.contains(try #require(IPAddress("10.2.2.3"))))
    #expect(!range.contains(try #require(IPAddress("::"))))
    #expect(IPRange("10.0.0.0/33") == nil)
    #expect(IPRange("10.0.0.0") == nil)
    #expect(try #require(IPRange("::/0")).contains(try #require(IPAddress("fd00::1"))))
  }
}
