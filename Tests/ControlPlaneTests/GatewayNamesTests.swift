// SPDX-License-Identifier: Apache-2.0

import NameResolution
import Testing

@testable import ControlPlane

/// What waits for names of network gateways.
struct GatewayNamesTests {
  private let answer = NameAnswer(addresses: ["192.0.2.1"], lifetime: .seconds(60))

  @Test func `the first push waits for every name to be answered`() {
    var names = GatewayNames(NameCache.Lifetimes())
    names.follow(["a", "b"], at: .zero)
    let outcome1 = names.takeQuestions()
    #expect(outcome1 == ["a", "b"])
    let outcome2 = names.takeQuestions()
    #expect(outcome2.isEmpty)
    #expect(names.holdsFirstPush(at: .zero))
    let outcome3 = names.take(answer, for: "a", at: .seconds(1))
    #expect(outcome3)
    #expect(names.holdsFirstPush(at: .seconds(1)))
    let outcome4 = names.releasesFirstPush(at: .seconds(1))
    #expect(!outcome4)
    _ = names.take(NameAnswer(addresses: nil, lifetime: nil), for: "b", at: .seconds(2))
    let outcome5 = names.releasesFirstPush(at: .seconds(2))
    #expect(outcome5)
    let outcome6 = names.releasesFirstPush(at: .seconds(2))
    #expect(!outcome6, "once")
  }

  @Test func `it waits five seconds and no longer`() {
    var names = GatewayNames(NameCache.Lifetimes())
    names.follow(["a"], at: .seconds(1))
    #expect(names.nextDeadline == .seconds(6))
    #expect(names.holdsFirstPush(at: .milliseconds(5999)))
    let outcome1 = names.releasesFirstPush(at: .seconds(6))
    #expect(outcome1)
    #expect(names.nextDeadline == nil)
  }

  @Test func `names that come later hold nothing`() {
    var names = GatewayNames(NameCache.Lifetimes())
    names.follow([], at: .zero)
    names.follow(["a"], at: .seconds(1))
    #expect(!names.holdsFirstPush(at: .seconds(1)))
    let outcome1 = names.takeQuestions()
    #expect(outcome1 == ["a"])
  }

  @Test func `answers are asked for anew when they have lived their time`() {
    var names = GatewayNames(NameCache.Lifetimes())
    names.follow(["a"], at: .zero)
    _ = names.takeQuestions()
    _ = names.take(answer, for: "a", at: .zero)
    _ = names.releasesFirstPush(at: .zero)
    #expect(names.nextDeadline == .seconds(60))
    names.refresh(at: .seconds(60))
    let outcome1 = names.takeQuestions()
    #expect(outcome1 == ["a"])
    #expect(names.addresses == ["a": ["192.0.2.1"]])
  }
}
