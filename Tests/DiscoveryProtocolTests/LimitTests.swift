// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import Testing

@Suite struct LimitTests {
  private func refused(
    _ face: StreamMachine.Face = .delta, _ change: (inout StreamLimits) -> Void = { _ in },
    _ run: (inout Script) -> Void
  ) -> StreamError? {
    var limits = StreamLimits()
    change(&limits)
    var script = Script(face, limits: limits)
    script.push()
    run(&script)
    return script.error
  }

  @Test func tooManyNamesEndTheStream() {
    let error = refused(.delta, { $0.maxNames = 2 }) { script in
      script.ask(.endpoint, ["a", "b"])
      #expect(script.error == nil)
      script.ask(.route, ["c"])
      #expect(script.ask(.cluster) == [])
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message == "The client subscribes to 3 names; at most 2 are allowed.")
  }

  @Test func tooManyNamesInARequestEndTheStream() {
    let error = refused(.sotw, { $0.maxNames = 2 }) { $0.ask(.route, ["a", "b", "c"]) }
    #expect(error?.code == .resourceExhausted)
  }

  @Test func aTooLongNameEndsTheStream() {
    let error = refused(.sotw, { $0.maxNameLength = 80 }) { script in
      script.ask(.route, [String(repeating: "a", count: 81)])
    }
    #expect(error?.message == "The request has a name of more than 80 bytes.")
  }

  @Test func aTooLargeNodeEndsTheStream() {
    let error = refused(.delta, { $0.maxNodeSize = 10 }) { script in
      _ = script.handle(.delta(DeltaRequest(.cluster, nodeSize: 11)))
    }
    #expect(error?.message == "The node has 11 bytes; at most 10 are allowed.")
  }

  @Test func tooManyTypesEndTheStream() {
    let error = refused(.delta, { $0.maxTypes = 1 }) { script in
      script.ask(.cluster)
      script.ask(.listener)
    }
    #expect(error?.message == "The client asks for more than 1 types.")
  }

  /// Istio's agent takes what is none of its types for Envoy's, and logs an error.
  @Test(arguments: [StreamMachine.Face.sotw, .delta])
  func reportsOfHealthAreNeverAnswered(_ face: StreamMachine.Face) {
    var script = Script(face)
    #expect(script.ask(.healthInformation) == [])
    #expect(script.push() == [])
    #expect(script.ask(.healthInformation, error: NackDetail(message: "ill")) == [])
    #expect(script.records == [] && script.error == nil)
  }

  @Test func aRequestWithoutATypeEndsTheStream() {
    #expect(refused { $0.ask(ResourceType(url: "")) }?.code == .invalidArgument)
  }

  @Test func aRequestOfTheOtherVariantEndsTheStream() {
    let error = refused(.sotw) { script in _ = script.handle(.delta(DeltaRequest(.cluster))) }
    #expect(error?.code == .invalidArgument)
  }

  @Test func aLongRejectionIsShortened() {
    let error = refused(.delta, { $0.maxErrorLength = 5 }) { script in
      script.ask(.cluster)
      script.ack(.cluster, error: NackDetail(message: "0123456789"))
      #expect(script.status(.cluster)?.lastError?.detail.message == "01234")
    }
    #expect(error == nil)
  }

  @Test func aFloodOfRequestsEndsTheStream() {
    let error = refused(.delta, { ($0.requestRate, $0.requestBurst) = (2, 10) }) { script in
      for _ in 0..<10 { script.ask(.endpoint, ["a"]) }
      #expect(script.error == nil)
      script.wait(.seconds(1))
      for _ in 0..<2 { script.ask(.endpoint, ["a"]) }
      #expect(script.error == nil)
      script.ask(.endpoint, ["a"])
    }
    #expect(error?.code == .resourceExhausted && error?.limit == .requestRate)
  }

  @Test(arguments: [StreamMachine.Face.sotw, .delta])
  func questionsCountAsManyRequests(_ face: StreamMachine.Face) {
    let question = { (isAnswer: Bool) in
      StreamEvent.question(
        QuestionCost(
          type: ResourceType(url: "istio.io/debug/syncz"), names: [], nodeSize: 0,
          isAnswer: isAnswer))
    }
    let error = refused(
      face, { ($0.requestRate, $0.requestBurst, $0.questionCost) = (0, 10, 4) }
    ) { script in
      for isAnswer in [false, true, false, true] {
        #expect(script.handle(question(isAnswer)) == [])
      }
      #expect(script.error == nil)
      _ = script.handle(question(true))
    }
    #expect(error?.limit == .requestRate)
  }

  @Test func aQuestionMayNotNameMoreThanAnyRequest() {
    let error = refused(.delta, { $0.maxNames = 2 }) { script in
      _ = script.handle(
        .question(
          QuestionCost(
            type: ResourceType(url: "istio.io/debug"), names: ["a", "b", "c"], nodeSize: 0,
            isAnswer: false)))
    }
    #expect(error?.limit == .names)
  }

  @Test(arguments: [StreamMachine.Face.sotw, .delta])
  func answersAreNoFlood(_ face: StreamMachine.Face) {
    let error = refused(face, { ($0.requestRate, $0.requestBurst) = (0, 2) }) { script in
      script.world.cluster("a", "v0")
      script.push()
      script.ask(.cluster)
      for version in 1...100 {
        script.ack(.cluster)
        script.world.cluster("a", "v\(version)")
        script.push()
      }
    }
    #expect(error == nil)
  }

  @Test func aClientThatAnswersNothingIsNamedAndKeepsALimitedMemory() {
    var script = Script(.delta)
    script.world.cluster("a", "v0")
    script.push()
    script.ask(.cluster)
    for version in 1...500 {
      script.world.cluster("a", "v\(version)")
      script.push()
      script.wait(.seconds(2))
    }
    let told = script.records.filter { if case .silent = $0 { true } else { false } }
    #expect(told == [.silent(.cluster, responses: 8)])
    #expect(script.responses.last.map(describe) == "cds a=v500", "it is served all the same")
    let first = script.responses[0].nonce
    script.ask(.cluster, nonce: first)
    #expect(script.records.last == .staleNonce(.cluster, nonce: first), "it is not remembered")
    script.ack(.cluster)
    #expect(script.status(.cluster)?.resources.first?.acked != nil)
  }
}
