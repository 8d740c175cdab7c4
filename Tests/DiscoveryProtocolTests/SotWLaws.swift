// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import Testing

extension ObligationTests {
  /// What concerns state of the world alone.
  static let sotwLaws: [Law] = [
    Law("2 SotW: a stale nonce is not answered, even with new names") {
      var script = serving(.sotw)
      script.ask(.endpoint, ["a"])
      script.world[.endpoint, "a"] = "v2"
      script.wait(.seconds(2))
      #expect(script.push() == ["eds a=v2"])
      #expect(script.ask(.endpoint, ["a", "b"], nonce: "n1") == [])
      #expect(script.ask(.endpoint, ["a", "b"], nonce: "other") == [])
      #expect(script.records.last == .staleNonce(.endpoint, nonce: "other"))
      #expect(script.ask(.endpoint, ["a", "b"], nonce: "n2") == ["eds b=v1"])
    },
    Law("2 SotW: a later ACK covers the earlier responses") {
      var script = serving(.sotw)
      script.ask(.listener)
      script.wait(.seconds(2))
      script.world[.listener, "l"] = "v2 f:r"
      script.push()
      script.ask(.listener, nonce: "n2")
      #expect(script.status(.listener)?.state == .synced)
      #expect(script.records.count == 2)
    },
    Law("2 SotW: a late ACK of an earlier response counts for that one") {
      var script = serving(.sotw)
      script.ask(.listener)
      let first = script.last(.listener)?.resources.first?.version
      script.wait(.seconds(2))
      script.world[.listener, "l"] = "v2 f:r"
      script.push()
      script.ask(.listener, nonce: "n1")
      #expect(script.status(.listener)?.state == .stale)
      #expect(script.status(.listener)?.resources.first?.acked == first)
    },
    Law("5 SotW: listeners and clusters are sent in full, and an empty set is sent") {
      var script = serving(.sotw)
      script.ask(.cluster)
      script.ack(.cluster)
      script.world.cluster("a", "v2")
      #expect(script.push() == ["cds a=v2,b=v1"])
      script.ack(.cluster)
      script.world.cluster("a", nil)
      #expect(script.push() == ["cds b=v1"])
      script.ack(.cluster)
      script.world.cluster("b", nil)
      #expect(script.push() == ["cds"])
    },
    Law("5 SotW: other types are sent in part, and end silently") {
      var script = serving(.sotw)
      script.ask(.endpoint, ["a", "b"])
      script.ack(.endpoint, ["a", "b"])
      script.world[.endpoint, "b"] = "v2"
      #expect(script.push() == ["eds b=v2"])
      script.ack(.endpoint, ["a", "b"])
      script.world[.endpoint, "a"] = nil
      #expect(script.push() == [])
      script.world[.endpoint, "a"] = "v1"
      #expect(script.push() == ["eds a=v1"])
    },
    Law("6 SotW: an unknown name leaves the others alone") {
      var script = serving(.sotw)
      #expect(script.ask(.route, ["r", "none"]) == ["rds r=v1"])
      script.ack(.route, ["r", "none"])
      script.world[.route, "r"] = "v2 c:a"
      #expect(script.push() == ["rds r=v2"])
    },
    Law("11 SotW: a version of an earlier stream spares nothing") {
      var script = serving(.sotw)
      script.ask(.cluster)
      script.ack(.cluster)
      let version = script.status(.cluster)?.acked?.version ?? ""
      #expect(!version.isEmpty)
      var again = serving(.sotw)
      #expect(again.handle(.sotw(SotWRequest(.cluster, version: version))) == ["cds a=v1,b=v1"])
    },
    Law("7 SotW: an empty first list means all, later it means nothing") {
      var script = serving(.sotw)
      #expect(script.ask(.cluster) == ["cds a=v1,b=v1"])
      #expect(script.ack(.cluster, ["*", "a"]) == ["cds a=v1,b=v1"])
      #expect(script.ack(.cluster, ["a"]) == [])
      #expect(script.ack(.cluster) == [])
      script.world.cluster("a", "v2")
      script.world.cluster("c", "v1")
      #expect(script.push() == [])
      #expect(script.status(.cluster)?.wildcard == false)
    },
    Law("7 SotW: an empty list of routes means none, `*` means all") {
      var script = serving(.sotw)
      #expect(script.ask(.route) == [])
      #expect(script.ask(.route, ["*"]) == ["rds r=v1"])
    },
    Law("8 SotW: a name that comes back is sent again, though stale requests took it away") {
      var script = serving(.sotw)
      script.ask(.endpoint, ["a", "b"])
      script.ack(.endpoint, ["a", "b"])
      script.ack(.endpoint, ["b"])
      #expect(script.ack(.endpoint, ["a", "b"]) == ["eds a=v1"])
      script.ack(.endpoint, ["a", "b"])
      script.world[.endpoint, "b"] = "v2"
      script.push()
      #expect(script.ask(.endpoint, ["b"], nonce: "n2") == [])
      #expect(script.ack(.endpoint, ["a", "b"]) == ["eds a=v1"])
    },
    Law("8 SotW: a client that starts over without a nonce is sent everything") {
      var script = serving(.sotw)
      script.ask(.endpoint, ["a"])
      script.ack(.endpoint, ["a"])
      #expect(script.ask(.endpoint, ["a"]) == ["eds a=v1"])
    },
    Law("12 SotW: a changed cluster is followed by its endpoints, though they are unchanged") {
      var script = serving(.sotw)
      script.ask(.cluster)
      script.ask(.endpoint, ["a", "b"])
      script.ack(.cluster)
      script.ack(.endpoint, ["a", "b"])
      script.world.cluster("a", "v2")
      #expect(script.push() == ["cds a=v2,b=v1", "eds a=v1"])
      script.ack(.endpoint, ["a", "b"])
      #expect(script.status(.cluster)?.state == .warming)
    },
    Law("12 SotW: who asks for endpoints with an old nonce while warming is answered, once") {
      var script = serving(.sotw)
      script.ask(.cluster)
      script.ask(.endpoint, ["a", "b"])
      script.ack(.cluster)
      script.ack(.endpoint, ["a", "b"])
      script.world.cluster("a", "v2")
      script.push()
      script.ack(.endpoint, ["a", "b"])
      #expect(script.ack(.endpoint, ["a", "b"]) == ["eds a=v1"])
      script.ack(.endpoint, ["a", "b"])
      #expect(script.ack(.endpoint, ["a", "b"]) == [])
    },
  ]
}
