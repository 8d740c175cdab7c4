// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Authentication

struct SpiffeIDTests {
  @Test func textAndPartsAreInverse() throws {
    let id = try #require(
      SpiffeID(trustDomain: "cluster.local", namespace: "default", serviceAccount: "reviews"))
    #expect("\(id)" == "spiffe://cluster.local/ns/default/sa/reviews")
    #expect(SpiffeID("\(id)") == id)
    let dotted = SpiffeID(trustDomain: "a@b.c", namespace: "n", serviceAccount: "s")
    #expect(dotted?.trustDomain == "a.b.c")
  }

  @Test(arguments: [
    "", "spiffe://", "spiffe://td/ns/a/sa", "spiffe://td/ns/a/sa/", "spiffe://td/ns//sa/b",
    "spiffe:///ns/a/sa/b", "spiffe://td/sa/a/ns/b", "spiffe://td/ns/a/sa/b/c",
    "http://td/ns/a/sa/b",
    "spiffe://td/ns/a/sa/b c", "spiffe://td/ns/a/sa/b,URI:x", "spiffe://td/ns/../sa/b",
    "SPIFFE://td/ns/a/sa/b", "spiffe://t@d/ns/a/sa/b", "spiffe://td/ns/a\0/sa/b",
  ])
  func otherTextsAreNoIdentities(_ text: String) {
    #expect(SpiffeID(text) == nil)
  }
}
