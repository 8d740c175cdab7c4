// SPDX-License-Identifier: Apache-2.0

import Authentication
import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import GRPC
import JSON
import MeshModel
import Testing

/// Believes a token that is an identity.
private struct NamedToken: CallerAuthenticator {
  let name = "NamedToken"

  func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    guard let id = SpiffeID(credentials.bearerToken ?? "") else {
      throw AuthenticationFailure("no token")
    }
    return Caller(.token, [id])
  }
}

/// Who may say to be whom on a port that asks.
struct CallerTests {
  private static let chain = AuthenticatorChain([NamedToken()])
  private static let own = "spiffe://cluster.local/ns/default/sa/web"

  /// The code that a stream of a caller ends with; nil where it is answered.
  private func refusal(
    caller: String?, account: String = "web", namespace: String? = nil,
    fixture: ADSFixture
  ) async -> GRPCStatus.Code? {
    var metadata = GRPCMetadata()
    if let caller { metadata.add("authorization", "Bearer \(caller)") }
    let call = fixture.transport.stream(
      "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
      metadata: metadata, deadline: nil)
    let request = Arena.scope { arena in
      GRPCMessage(
        Envoy.DiscoveryRequest(arena) { request in
          request.typeUrl = ResourceType.cluster.url
          request.node = request.make(Envoy.Node.self) {
            $0.id = ADSFixture.nodeID
            var members = [JSONObject.Member("SERVICE_ACCOUNT", .string(account))]
            if let namespace { members.append(.init("NAMESPACE", .string(namespace))) }
            $0.metadata = JSONObject(distinct: members)
          }
        }.packed)
    }
    do throws(GRPCStatus) {
      try? await call.write(request)
      var responses = call.responses.makeAsyncIterator()
      guard try await responses.next() != nil else { return await call.status.code }
      call.cancel()
      return nil
    } catch {
      return error.code
    }
  }

  @Test func aNodeMayOnlyClaimWhatItsIdentityHas() async throws {
    let fixture = try ADSFixture(callers: Self.chain)
    try await fixture.serving {
      fixture.push(1)
      #expect(await refusal(caller: Self.own, fixture: fixture) == nil)
      #expect(await refusal(caller: Self.own, account: "", fixture: fixture) == nil)
      #expect(
        await refusal(caller: Self.own, account: "admin", fixture: fixture)
          == .permissionDenied)
      #expect(
        await refusal(caller: Self.own, namespace: "far", fixture: fixture)
          == .permissionDenied)
      let stranger = "spiffe://cluster.local/ns/far/sa/web"
      #expect(await refusal(caller: stranger, fixture: fixture) == .permissionDenied)
      #expect(await refusal(caller: nil, fixture: fixture) == .unauthenticated)
      #expect(await refusal(caller: "bad", fixture: fixture) == .unauthenticated)
    }
  }

  @Test func whereNobodyIsAskedNobodyIsKnown() async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      fixture.push(1)
      let stranger = "spiffe://cluster.local/ns/far/sa/web"
      #expect(await refusal(caller: stranger, fixture: fixture) == nil)
      #expect(fixture.server.connections().allSatisfy { $0.node.identity == nil })
    }
  }
}
