// SPDX-License-Identifier: Apache-2.0

import Authentication
import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import GRPC
import JSON
import MeshModel
import Synchronization
import Testing

/// Believes everybody to be the workload of the fixture's node.
private struct Believer: CallerAuthenticator {
  let name = "Believer"

  func authenticate(_ credentials: CallerCredentials) async throws(AuthenticationFailure) -> Caller
  {
    guard let id = SpiffeID("spiffe://cluster.local/ns/default/sa/web") else {
      throw AuthenticationFailure("no identity")
    }
    return Caller(.token, [id])
  }
}

/// One secret, for who may read it.
private struct SecretView: ResourceView {
  var isReadable: Bool

  func all(_ type: ResourceType) -> [EncodedResource] {
    guard type == .secret, isReadable else { return [] }
    return Arena.scope { arena in
      let secret = Envoy.Secret(arena) { $0.name = "kubernetes://a" }
      return [EncodedResource(type: .secret, name: secret.name, message: secret)]
    }
  }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    all(type).first { $0.name == name }
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> { [] }

  func followers(of resource: EncodedResource) -> [ResourceKey] { [] }
}

/// What an API server says of who may read secrets, and when it is asked again.
struct SecretReviewTests {
  private func request(_ type: ResourceType, _ names: [String] = []) -> GRPCMessage {
    Arena.scope { arena in
      GRPCMessage(
        Envoy.DeltaDiscoveryRequest(arena) { request in
          request.typeUrl = type.url
          request.resourceNamesSubscribe = .init(names)
          request.node = request.make(Envoy.Node.self) {
            $0.id = ADSFixture.nodeID
            $0.metadata = JSONObject(distinct: [.init("SERVICE_ACCOUNT", "web")])
          }
        }.packed)
    }
  }

  /// A response as `sds +1 -0`: what it brings and takes away.
  private func words(_ message: GRPCMessage?) -> String? {
    message?.array.withUnsafeBytes { buffer in
      Arena.scope { arena in
        (try? Envoy.DeltaDiscoveryResponse(unpacking: buffer, in: arena)).map {
          let type = ResourceType(url: $0.typeUrl).shortName
          return "\(type) +\($0.resources.count) -\($0.removedResources.count)"
        }
      }
    }
  }

  /// The responses to a request for a secret while the API server gives these answers, the last for ever;
  /// with `pushes`, those after as many pushes and a request for clusters too.
  private func responses(_ count: Int, answers: [Bool?], pushes: Int = 0) async throws -> [String] {
    let left = Mutex(answers)
    let fixture = try ADSFixture(callers: AuthenticatorChain([Believer()])) { configuration in
      configuration.secretReviewInterval = .milliseconds(5)
      configuration.view = { _, node, _ in
        SecretView(isReadable: node.identity?.mayReadSecrets == true)
      }
      configuration.mayReadSecrets = { _ in
        left.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
      }
    }
    var found: [String] = []
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open(.delta)
      try await call.write(request(.secret, ["kubernetes://a"]))
      var responses = call.responses.makeAsyncIterator()
      while found.count < count {
        found.append(try #require(words(try await responses.next())))
        guard found.count == 1, pushes > 0 else { continue }
        for generation in 0..<pushes { fixture.push(UInt64(generation) + 2) }
        try await call.write(request(.cluster))
      }
      call.cancel()
    }
    return found
  }

  @Test func whoMayNotReadSecretsIsAskedAboutAgainWithoutAPush() async throws {
    #expect(try await responses(2, answers: [false, false, true]) == ["sds +0 -1", "sds +1 -0"])
  }

  @Test func noAnswerIsNoAtFirstAndAskedForAgain() async throws {
    #expect(try await responses(2, answers: [nil, nil, true]) == ["sds +0 -1", "sds +1 -0"])
  }

  @Test func noAnswerTakesNothingAway() async throws {
    #expect(try await responses(2, answers: [true, nil], pushes: 3) == ["sds +1 -0", "cds +0 -0"])
  }
}
