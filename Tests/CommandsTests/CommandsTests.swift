// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Flags
import Foundation
import StateDirectory
import Testing

@testable import Commands

struct CommandsTests {
  private let folder = NSTemporaryDirectory() + "navarch-ctl-" + UUID().uuidString

  private func answer(_ arguments: String...) async throws -> String {
    try await Navarchctl.answer(arguments, environment: [:])
  }

  @Test func aTokenIsBelievedByWhoHasTheSameState() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let text = try await answer(
      "token", "create", "--stateDir", folder, "-n", "default", "--service-account=reviews")
    let keys = try TokenSigner(StateDirectory(folder)).keys()
    let rule = TokenIssuerRule(issuer: TokenSigner.issuer, audiences: ["istio-ca"]) { keys }
    let authenticator = TokenAuthenticator(
      [rule], trustDomain: { "cluster.local" }, now: { Int64(Date().timeIntervalSince1970) })
    let token = text.trimmingCharacters(in: .newlines)
    let caller = try await authenticator.authenticate(CallerCredentials(bearerToken: token))
    #expect(
      caller.identities.map(\.description) == ["spiffe://cluster.local/ns/default/sa/reviews"])
  }

  @Test func theRootsAreThoseThatAreKept() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    await #expect {
      try await answer("ca", "root", "--stateDir", folder)
    } throws: {
      "\($0)".contains("keeps no authority yet")
    }
    let now = Int64(Date().timeIntervalSince1970)
    let authority = CertificateAuthority(nil, policy: IssuingPolicy(), now: { now })
    try await AuthorityKeeper(
      DirectoryAuthorityStore(StateDirectory(folder)), authority: authority,
      policy: SelfSignedPolicy(organization: "cluster.local"), now: { now }
    ).refresh()
    let printed = try await answer("ca", "root", "--stateDir", folder)
    #expect(printed == authority.current?.rootsPEM && !printed.contains("PRIVATE"))
  }

  @Test func mistakesAreSaid() async throws {
    for arguments in [
      ["token", "create"], ["token", "create", "--stateDir", folder, "-n", "a", "--bogus=1"],
      ["token", "create", "--stateDir", folder, "-n", "a", "--ttl=0"], ["token"], ["bogus"],
    ] {
      await #expect(throws: FlagError.self, "\(arguments)") {
        try await Navarchctl.answer(arguments, environment: [:])
      }
    }
    #expect(try await answer("help").contains("navarchctl token create"))
    #expect(try await answer("ca", "root", "--help").contains("--stateDir"))
    try? FileManager.default.removeItem(atPath: folder)
  }
}
