// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import Testing

/// The obligations of an xDS server, as the protocol's document states them, one law each.
@Suite struct ObligationTests {
  struct Law: Sendable, CustomTestStringConvertible {
    var name: String
    var holds: @Sendable () -> Void
    var testDescription: String { name }

    init(_ name: String, _ holds: @escaping @Sendable () -> Void) {
      self.name = name
      self.holds = holds
    }
  }

  @Test(arguments: sotwLaws + deltaLaws + sharedLaws) func law(_ law: Law) { law.holds() }

  @Test(arguments: [("SotW:", "delta:"), ("delta:", "SotW:")])
  func everyObligationHasALawInBothVariants(own: String, other: String) {
    let laws = (Self.sotwLaws + Self.deltaLaws + Self.sharedLaws).filter {
      !$0.name.contains(other)
    }
    let numbers = laws.flatMap { law in
      law.name.split(separator: " ").prefix { $0 == "and" || Int($0) != nil }.compactMap { Int($0) }
    }
    #expect(Set(1...16).subtracting(numbers).isEmpty, "\(own)")
  }

  /// A script with clusters a and b (and their endpoints), a listener and a route.
  static func serving(_ face: StreamMachine.Face) -> Script {
    var script = Script(face)
    for name in ["a", "b"] {
      script.world.cluster(name, "v1")
      script.world[.endpoint, name] = "v1"
    }
    script.world[.listener, "l"] = "v1 f:r"
    script.world[.route, "r"] = "v1 c:a"
    script.push()
    return script
  }

  static let sharedLaws: [Law] = [
    Law("1 only the first request of a stream need have a node") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        let first: StreamEvent =
          face == .sotw
          ? .sotw(SotWRequest(.cluster, nodeSize: 100))
          : .delta(DeltaRequest(.cluster, nodeSize: 100))
        #expect(script.handle(first) == ["cds a=v1,b=v1"])
        #expect(script.ask(.listener) == ["lds l=v1"])
      }
    },
    Law("2 every response of a stream has a nonce of its own") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        script.ask(.cluster)
        script.ask(.listener)
        script.ask(.endpoint, ["a"])
        let nonces = script.responses.map(\.nonce)
        #expect(nonces.count == 3 && Set(nonces).count == 3)
        #expect(nonces.allSatisfy { $0.hasPrefix("n") && $0.count > 1 })
      }
    },
    Law("3 rejected content is not sent again, new content is, and clears the error") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        script.ask(.listener)
        #expect(script.nack(.listener) == [])
        #expect(script.status(.listener)?.state == .error)
        #expect(script.status(.listener)?.lastError?.names == ["l"])
        #expect(script.push() == [] && script.wait(.seconds(5)) == [])
        script.world[.listener, "l"] = "v2 f:r"
        #expect(script.push() == ["lds l=v2"])
        #expect(script.ack(.listener) == [])
        #expect(script.status(.listener)?.state == .synced)
        #expect(script.status(.listener)?.lastError == nil)
      }
    },
    Law("4 what did not change is not sent") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        script.ask(.cluster)
        script.ack(.cluster)
        #expect(script.push() == [])
        script.world[.endpoint, "a"] = "v2"
        #expect(script.push() == [])
      }
    },
    Law("9 no response names a resource twice") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        #expect(script.ask(.cluster, ["*", "a", "a"]) == ["cds a=v1,b=v1"])
        script.ack(.cluster, face == .sotw ? ["*", "a"] : [])
        script.ask(.endpoint, ["a", "a"])
        script.ack(.endpoint, face == .sotw ? ["a"] : [])
        script.world.cluster("a", "v2")
        script.world[.endpoint, "a"] = "v2"
        #expect(script.push() == [face == .sotw ? "cds a=v2,b=v1" : "cds a=v2", "eds a=v2"])
      }
    },
    Law("10 a name that does not exist is remembered and sent once it appears") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        let first = script.ask(.endpoint, ["later"])
        #expect(first == (face == .sotw ? [] : ["eds -later"]))
        if face == .delta { script.ack(.endpoint) }
        script.world[.endpoint, "later"] = "v1"
        #expect(script.push(.endpoints(["later"])) == ["eds later=v1"])
      }
    },
    Law("13 a push goes out as clusters, endpoints, listeners, routes") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        for (type, names) in [
          (ResourceType.route, ["r"]), (.listener, []), (.endpoint, ["a", "b"]), (.cluster, []),
        ] {
          script.ask(type, names)
          script.ack(type, names)
        }
        script.world.cluster("a", "v2")
        script.world[.endpoint, "b"] = "v2"
        script.world[.listener, "l"] = "v2 f:r"
        script.world[.route, "r"] = "v2 c:a"
        let kinds = script.push().map { $0.prefix(3) }
        #expect(kinds == ["cds", "eds", "lds", "rds"])
      }
    },
    Law("14 and 15 (optional): names on demand are answered, without aliases or heartbeats") {
      var whole = serving(.sotw)
      #expect(whole.ask(.virtualHost, ["r/host"]) == [])
      #expect(whole.wait(.seconds(3600)) == [])
      var script = serving(.delta)
      #expect(script.ask(.virtualHost, ["r/host"]) == ["vhds -r/host"])
      script.ack(.virtualHost)
      script.world[.virtualHost, "r/host"] = "v1 c:a"
      #expect(script.push() == ["vhds r/host=v1"])
      script.ack(.virtualHost)
      #expect(script.wait(.seconds(3600)) == [])
    },
    Law("an audit finds what a push did not tell, sends it, and finds no more") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        script.ask(.cluster)
        script.ack(.cluster)
        script.ask(.endpoint, ["a", "b"])
        script.ack(.endpoint, face == .sotw ? ["a", "b"] : [])
        #expect(script.handle(.audit(script.world.view())) == [])
        script.world[.endpoint, "b"] = "v2"
        #expect(script.push(.endpoints(["c"])) == [], "the push tells less than changed")
        #expect(script.handle(.audit(script.world.view())) == ["eds b=v2"])
        #expect(script.records.last == .repaired(.endpoint, names: ["b"]))
        #expect(script.handle(.audit(script.world.view())) == [], "it is on its way")
        script.ack(.endpoint, face == .sotw ? ["a", "b"] : [])
        #expect(script.handle(.audit(script.world.view())) == [])
      }
    },
    Law("a generation is applied once all that it changed is acknowledged") {
      for face in [StreamMachine.Face.sotw, .delta] {
        var script = serving(face)
        script.ask(.cluster)
        script.ack(.cluster)
        script.ask(.endpoint, ["a", "b"])
        script.ack(.endpoint, face == .sotw ? ["a", "b"] : [])
        script.world[.endpoint, "b"] = "v2"
        script.push(generation: 7)
        #expect(script.machine.applied == 6)
        script.ack(.endpoint, face == .sotw ? ["a", "b"] : [])
        #expect(script.machine.applied == 7)
        script.push(generation: 8)
        #expect(script.machine.applied == 8, "nothing changed for this client")
        script.world.cluster("a", "v2")
        script.push(generation: 9)
        script.nack(.cluster)
        #expect(script.status(.cluster)?.lastError?.generation == 9)
      }
    },
    Law("16 equal content has an equal version on every stream") {
      for face in [StreamMachine.Face.sotw, .delta] {
        let versions = (0..<2).map { _ in
          var script = serving(face)
          script.ask(.cluster)
          script.ack(.cluster)
          return script.status(.cluster)?.sent?.version
        }
        #expect(versions[0] != nil && versions[0] == versions[1])
      }
    },
  ]
}
