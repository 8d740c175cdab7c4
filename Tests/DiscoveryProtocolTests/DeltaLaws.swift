// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import Testing

extension ObligationTests {
  /// What concerns delta alone.
  static let deltaLaws: [Law] = [
    Law("2 delta: a stale nonce is recorded, its subscription changes still hold") {
      var script = serving(.delta)
      script.ask(.endpoint, ["a"])
      #expect(script.ask(.endpoint, ["b"], nonce: "stale") == ["eds b=v1"])
      #expect(script.records == [.staleNonce(.endpoint, nonce: "stale")])
      script.ask(.endpoint, unsubscribe: ["a"], nonce: "stale")
      script.world[.endpoint, "a"] = "v2"
      script.wait(.seconds(2))
      #expect(script.push() == [])
    },
    Law("3 delta: a rejection holds back only what it rejected") {
      var script = serving(.delta)
      script.ask(.endpoint, ["a", "b"])
      #expect(script.nack(.endpoint) == ["eds a=v1"])
      #expect(script.nack(.endpoint) == ["eds b=v1"])
      #expect(script.nack(.endpoint) == [])
      script.world[.endpoint, "b"] = "v2"
      #expect(script.push() == ["eds b=v2"])
      script.ack(.endpoint)
      #expect(script.status(.endpoint)?.state == .error)
      script.world[.endpoint, "a"] = "v2"
      #expect(script.push() == ["eds a=v2"])
      script.ack(.endpoint)
      #expect(script.status(.endpoint)?.state == .synced)
    },
    Law("3 delta: of a rejected response only what is refused stays behind") {
      var script = serving(.delta)
      for name in ["c", "d"] { script.world.cluster(name, "v1") }
      script.push()
      script.ask(.cluster)
      script.ack(.cluster)
      for name in ["a", "b", "c", "d"] { script.world.cluster(name, "v2") }
      #expect(script.push() == ["cds a=v2,b=v2,c=v2,d=v2"])
      #expect(script.nack(.cluster) == ["cds a=v2,b=v2"])
      #expect(script.ack(.cluster) == ["cds c=v2,d=v2"])
      #expect(script.nack(.cluster) == ["cds c=v2"])
      #expect(script.nack(.cluster) == ["cds d=v2"])
      #expect(script.ack(.cluster) == [])
      let status = script.status(.cluster)
      #expect(status?.state == .error && status?.lastError?.names == ["c"])
      #expect(status?.resources.map(\.acked).filter { $0 == nil } == [])
      #expect(
        status?.resources.filter { $0.acked != $0.sent }.map(\.name) == ["c"],
        "its last accepted version stays")
      #expect(script.push() == [] && script.wait(.seconds(5)) == [])
      script.world.cluster("c", "v3")
      #expect(script.push() == ["cds c=v3"])
      script.ack(.cluster)
      #expect(script.status(.cluster)?.state == .synced)
    },
    Law("3 delta: a part of a rejected response that changes meanwhile is not sent as it was") {
      var script = serving(.delta)
      script.ask(.endpoint, ["a", "b"])
      script.world[.endpoint, "a"] = "v2"
      #expect(script.nack(.endpoint) == ["eds a=v1"])
      #expect(script.push(.endpoints(["a"])) == [])
      #expect(script.ack(.endpoint) == ["eds a=v2"])
      #expect(script.ack(.endpoint) == ["eds b=v1"])
    },
    Law("3 delta: what a rejected response removed is removed again without it, once") {
      var script = serving(.delta)
      script.ask(.endpoint, ["a", "b"])
      script.ack(.endpoint)
      script.world[.endpoint, "a"] = nil
      script.world[.endpoint, "b"] = "v2"
      #expect(script.push() == ["eds b=v2 -a"])
      #expect(script.nack(.endpoint) == ["eds -a"])
      #expect(script.nack(.endpoint) == [])
    },
    Law("5 delta: every type is sent in part, and what is not named stays") {
      var script = serving(.delta)
      script.ask(.cluster)
      script.ack(.cluster)
      script.world.cluster("a", "v2")
      #expect(script.push() == ["cds a=v2"])
      script.ack(.cluster)
      let held = script.status(.cluster)?.resources.map(\.name)
      #expect(held == ["a", "b"])
    },
    Law("6 delta: removals are named, and unknown names are answered") {
      var script = serving(.delta)
      #expect(script.ask(.cluster) == ["cds a=v1,b=v1"])
      script.ack(.cluster)
      script.world.cluster("a", nil)
      #expect(script.push() == ["cds -a"])
      #expect(script.ask(.route, ["r", "none"]) == ["rds r=v1 -none"])
    },
    Law("7 delta: an empty first request means all; `*` and names live side by side") {
      var script = serving(.delta)
      #expect(script.ask(.cluster) == ["cds a=v1,b=v1"])
      #expect(script.ack(.cluster, ["a"]) == ["cds a=v1"])
      #expect(script.ask(.cluster, unsubscribe: ["a"]) == ["cds a=v1"])
      #expect(script.ask(.cluster, unsubscribe: ["none"]) == ["cds -none"])
      script.ask(.cluster, ["b"])
      #expect(script.ask(.cluster, unsubscribe: ["*"]) == [])
      script.world.cluster("a", "v2")
      script.world.cluster("b", "v2")
      script.ack(.cluster)
      #expect(script.push() == ["cds b=v2"])
      script.ask(.cluster, unsubscribe: ["b"])
      script.world.cluster("b", "v3")
      #expect(script.push() == [] && script.wait(.seconds(5)) == [])
    },
    Law("7 delta: a wildcard over nothing is answered, so that the client does not wait") {
      var script = Script(.delta)
      script.push()
      #expect(script.ask(.cluster) == ["cds"])
    },
    Law("8 delta: who subscribes again is sent again, `*` included") {
      var script = serving(.delta)
      script.ask(.endpoint, ["a"])
      script.ack(.endpoint)
      #expect(script.ask(.endpoint, ["a"]) == ["eds a=v1"])
      script.ask(.cluster)
      script.ack(.cluster)
      #expect(script.ask(.cluster, ["*"]) == ["cds a=v1,b=v1"])
    },
    Law("11 delta: a reconnecting client is sent what differs, and told what went away") {
      var script = serving(.delta)
      let same = resource(.cluster, "a", "v1 f:a").version
      let having = ["a": same, "b": "old", "gone": "old"]
      #expect(script.ask(.cluster, having: having) == ["cds b=v1 -gone"])
      #expect(script.ask(.route, ["r", "x"], having: ["r": "old", "x": "old"]) == ["rds r=v1 -x"])
      #expect(script.ask(.listener, having: ["l": same]) == ["lds l=v1", "rds r=v1"])
    },
    Law("11 delta: the endpoints of a cluster that changed are sent though the client has them") {
      var script = serving(.delta)
      let version = { (name: String) in resource(.endpoint, name, "v1").version }
      let unchanged = resource(.cluster, "b", "v1 f:b").version
      script.ask(.cluster, having: ["a": "old", "b": unchanged])
      let having = ["a": version("a"), "b": version("b")]
      #expect(script.ask(.endpoint, ["a", "b"], having: having) == ["eds a=v1"])
    },
    Law("11 delta: what a client kept is removed, even if its new version never was sent") {
      var script = serving(.delta)
      let same = resource(.cluster, "b", "v1 f:b").version
      script.ask(.cluster, having: ["b": same])
      script.world.cluster("a", nil)
      #expect(script.ask(.listener, having: ["l": "old"]) == ["lds l=v1"])
      #expect(script.ask(.route, ["r"], having: ["r": "old"]) == [])
      script.world[.route, "r"] = nil
      #expect(script.push().contains("rds -r"))
    },
    Law("11 delta: the claims of a client are compared when the view is there") {
      var script = Script(.delta)
      script.world.cluster("a", "v1")
      let same = resource(.cluster, "a", "v1 f:a").version
      #expect(script.ask(.cluster, having: ["a": same, "b": "old"]) == [])
      #expect(script.push() == ["cds -b"])
    },
    Law("8, 11 delta: who asks again for what it claims to have has forgotten it") {
      var script = Script(.delta)
      script.world.cluster("a", "v1")
      script.world[.endpoint, "a"] = "v1"
      let version = { (type: ResourceType, text: String) in resource(type, "a", text).version }
      script.ask(.cluster, having: ["a": version(.cluster, "v1 f:a"), "b": "old"])
      script.ask(.cluster, ["*"])
      script.ask(.endpoint, ["a"], having: ["a": version(.endpoint, "v1")])
      script.ask(.endpoint, ["a"])
      #expect(script.push() == ["cds a=v1 -b", "eds a=v1"])
    },
    Law("12 delta: a changed cluster is followed by its endpoints, an added one once asked") {
      var script = serving(.delta)
      script.ask(.cluster)
      script.ask(.endpoint, ["a", "b"])
      script.ack(.cluster)
      script.ack(.endpoint)
      script.world.cluster("a", "v2")
      script.world.cluster("c", "v1")
      script.world[.endpoint, "c"] = "v1"
      #expect(script.push() == ["cds a=v2,c=v1", "eds a=v1"])
      #expect(script.ask(.endpoint, ["c"]) == ["eds c=v1"])
    },
    Law("3, 12 delta: endpoints that were refused are not sent again with their changed cluster") {
      var script = serving(.delta)
      script.ask(.cluster)
      script.ack(.cluster)
      script.ask(.endpoint, ["a"])
      script.nack(.endpoint)
      script.world.cluster("a", "v2")
      #expect(script.push() == ["cds a=v2"])
      script.ack(.cluster)
      script.world[.endpoint, "a"] = "v2"
      #expect(script.push() == ["eds a=v2"])
    },
    Law("12 delta: a changed listener is followed by its routes") {
      var script = serving(.delta)
      script.ask(.listener)
      script.ask(.route, ["r"])
      script.ack(.listener)
      script.ack(.route)
      script.world[.listener, "l"] = "v2 f:r"
      #expect(script.push() == ["lds l=v2", "rds r=v1"])
    },
  ]
}
