// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesClient
import MeshModel
import Testing

@testable import KubernetesSource

@Suite("Reflector")
struct ReflectorTests {
  @Test("tells nothing before the end of the stream, then all at once, then watches on")
  func initialStream() {
    var driver = Driver()
    driver.take(.start)
    #expect(driver.question == .stream(resourceVersion: ""))
    driver.events([.added("a", "1"), .added("b", "2")])
    driver.events([.bookmark(resourceVersion: "3", endsInitialEvents: false)])
    #expect(driver.changes.isEmpty && !driver.isSynced)
    driver.events([.bookmark(resourceVersion: "4", endsInitialEvents: true), .added("c", "5")])
    #expect(driver.isSynced)
    #expect(driver.names == ["a", "b", "c"])
    #expect(driver.changes.count == 2)
    driver.closed(after: .seconds(60))
    #expect(driver.question == .watch(resourceVersion: "5"))
  }

  @Test("what got no answer is tried again once others have one; what was refused keeps its wait")
  func serverIsBack() {
    var driver = Driver.watching(["a": "1"], at: "4")
    for _ in 0..<5 {
      driver.failed("refused", after: .seconds(1))
      _ = driver.passToDeadline()
    }
    driver.failed("refused", after: .zero)
    #expect(
      driver.request == nil && driver.machine.deadline.map { $0 - driver.now > .seconds(5) } == true
    )
    driver.take(.serverIsBack)
    #expect(driver.question == .watch(resourceVersion: "4"))
    driver.refused(APIRefusal(code: 429, retryAfter: .seconds(9)))
    driver.take(.serverIsBack)
    #expect(driver.request == nil && driver.names == ["a"])
  }

  @Test("lists in pages where the server has no streams")
  func pages() {
    var driver = Driver()
    driver.take(.start)
    driver.refused(APIRefusal(code: 422, reason: "Invalid"))
    #expect(driver.question == .list(resourceVersion: "", continue: "", limit: 500))
    driver.page([.object("a", "1")], "7", continue: "next")
    #expect(driver.question == .list(resourceVersion: "", continue: "next", limit: 500))
    #expect(!driver.isSynced)
    driver.page([.object("b", "2")], "7")
    #expect(driver.question == .watch(resourceVersion: "7"))
    #expect(driver.names == ["a", "b"] && driver.isSynced)
  }

  @Test("lists where a server that does not know streams only watches")
  func silentStream() {
    var driver = Driver()
    driver.take(.start)
    driver.events([.added("a", "1")])
    driver.pass(.seconds(16))
    #expect(driver.question == .list(resourceVersion: "", continue: "", limit: 500))
    #expect(driver.changes.isEmpty)
  }

  @Test("starts over, without pages, where a page has expired")
  func expiredPage() {
    var driver = Driver(streams: false)
    driver.take(.start)
    driver.page([.object("a", "1")], "7", continue: "next")
    driver.refused(APIRefusal(code: 410, reason: "Expired"))
    #expect(driver.question == .list(resourceVersion: "", continue: "", limit: 0))
    driver.page([.object("b", "2")], "9")
    #expect(driver.names == ["b"])
  }

  @Test("goes on from the last version after a clean end, and after a cut, without a list")
  func resumes() {
    var driver = Driver.watching(["a": "1"], at: "10")
    driver.events([.bookmark(resourceVersion: "20", endsInitialEvents: false)])
    driver.closed(after: .seconds(300))
    #expect(driver.question == .watch(resourceVersion: "20"))
    driver.events([.added("b", "21")])
    driver.failed("cut", after: .seconds(30))
    #expect(driver.question == .watch(resourceVersion: "21"))
    #expect(driver.removed.isEmpty)
  }

  @Test("does not ask at once a server that ends watches at once")
  func shortWatches() {
    var driver = Driver.watching([:], at: "10")
    driver.closed(after: .seconds(60))
    driver.closed(after: .zero)
    #expect(driver.question == nil)
    driver.pass(.milliseconds(800))
    #expect(driver.question == .watch(resourceVersion: "10"))
  }

  @Test("ends a watch itself that the server forgets to end")
  func watchdog() {
    var driver = Driver.watching([:], at: "10")
    driver.closed(after: .seconds(60))
    let first = driver.request?.number
    driver.pass(.seconds(331))
    #expect(driver.question == .watch(resourceVersion: "10"))
    #expect(driver.request?.number != first)
  }

  @Test("410 lists again and says what is gone meanwhile", arguments: [true, false])
  func gone(isFrame: Bool) {
    var driver = Driver.watching(["a": "1", "b": "2", "c": "3"], at: "10")
    let refusal = APIRefusal(code: 410, reason: "Expired", message: "too old resource version")
    if isFrame { driver.events([.failure(refusal)]) } else { driver.refused(refusal) }
    #expect(driver.question == .stream(resourceVersion: ""))
    #expect(driver.removed.isEmpty)
    driver.events([
      .added("a", "1"), .added("c", "30"),
      .bookmark(resourceVersion: "40", endsInitialEvents: true),
    ])
    #expect(driver.changes.last == Driver.change(upserts: [("c", "30")], removals: ["b"]))
    #expect(driver.names == ["a", "c"])
  }

  @Test("an object that was made again under its name replaces the other one")
  func recreated() {
    var driver = Driver.watching(["a": "1"], at: "10")
    driver.events([.added("a", "11", uid: "second")])
    #expect(driver.changes.last == Driver.change(upserts: [("a", "11")], removals: ["a"]))
    // The late word of the first one's end is not about the second.
    driver.events([.deleted("a", "12", uid: "a")])
    #expect(driver.names == ["a"])
    driver.events([.deleted("a", "13", uid: "second")])
    #expect(driver.names == [])
  }

  @Test("what is told twice, or late, is no change")
  func duplicates() {
    var driver = Driver.watching(["a": "1"], at: "10")
    driver.events([.added("a", "11"), .added("a", "11"), .added("a", "9")])
    #expect(driver.changes.last == Driver.change(upserts: [("a", "11")], removals: []))
    driver.events([.added("a", "11")])
    #expect(driver.changes.count == 2)
    driver.closed(after: .seconds(60))
    #expect(driver.question == .watch(resourceVersion: "11"))
  }

  @Test(
    "waits, keeps what it holds, and says so, while the server cannot answer",
    arguments: [429, 500, 503, 401, 403])
  func backsOff(code: Int) {
    var driver = Driver.watching(["a": "1"], at: "10")
    driver.closed(after: .seconds(60))
    var waits: [Duration] = []
    for _ in 0..<8 {
      driver.refused(APIRefusal(code: code, message: "busy"))
      #expect(driver.question == nil)
      waits.append(driver.passToDeadline())
      #expect(driver.question == .watch(resourceVersion: "10"))
    }
    #expect(waits.map { Int($0 / .milliseconds(100)) } == [8, 16, 32, 64, 128, 256, 300, 300])
    #expect(driver.removed.isEmpty && driver.isFailing)
    driver.take(.opened(driver.number))
    #expect(!driver.isFailing)
  }

  @Test("heeds Retry-After, and forgets its waits after two good minutes")
  func retryAfter() {
    var driver = Driver.watching([:], at: "10")
    driver.closed(after: .seconds(60))
    driver.refused(APIRefusal(code: 429, retryAfter: .seconds(17)))
    #expect(driver.passToDeadline() == .seconds(17))
    driver.refused(APIRefusal(code: 500))
    #expect(driver.passToDeadline() == .milliseconds(1600))
    driver.pass(.seconds(130))
    driver.refused(APIRefusal(code: 500))
    #expect(driver.passToDeadline() == .milliseconds(800))
  }

  @Test("a version that is still to come is waited for, then the newest is taken")
  func ahead() {
    var driver = Driver.watching(["a": "1"], at: "99")
    driver.closed(after: .seconds(60))
    let refusal = APIRefusal(code: 504, reason: "Timeout", isAhead: true)
    driver.refused(refusal)
    _ = driver.passToDeadline()
    #expect(driver.question == .stream(resourceVersion: "99"))
    driver.refused(refusal)
    _ = driver.passToDeadline()
    #expect(driver.question == .stream(resourceVersion: ""))
    #expect(driver.removed.isEmpty)
  }

  @Test("refused connections lose nothing")
  func unreachable() {
    var driver = Driver.watching(["a": "1"], at: "10")
    driver.failed("cut", after: .seconds(30))
    for _ in 0..<20 {
      driver.failed("connection refused", after: .zero)
      _ = driver.passToDeadline()
    }
    #expect(driver.question == .watch(resourceVersion: "10"))
    #expect(driver.names == ["a"] && driver.removed.isEmpty)
  }

  @Test("a server that was slow once is asked for streams again the next time")
  func slowOnce() {
    var driver = Driver.watching(["a": "3"], at: "10")
    for _ in 0..<2 {
      driver.take(.relist)
      #expect(driver.question == .stream(resourceVersion: "10"))
      _ = driver.passToDeadline()
      #expect(driver.question == .list(resourceVersion: "10", continue: "", limit: 500))
      driver.page([.object("a", "3")], "10")
    }
  }

  @Test("a stream that breaks off begins again, and tells nothing of its first part")
  func brokenStream() {
    var driver = Driver()
    driver.take(.start)
    driver.events([.added("a", "1"), .added("gone", "2")])
    driver.failed("cut", after: .seconds(1))
    _ = driver.passToDeadline()
    driver.events([
      .added("a", "1"), .bookmark(resourceVersion: "9", endsInitialEvents: true),
    ])
    #expect(driver.names == ["a"])
    #expect(driver.changes.count == 1)
  }

  @Test("lists again when told to, and says only what differs")
  func relist() {
    var driver = Driver.watching(["a": "1", "b": "2"], at: "10")
    driver.take(.relist)
    #expect(driver.question == .stream(resourceVersion: "10"))
    driver.events([.added("a", "1")])
    // Told again meanwhile: what came so far may be read by the old rule.
    driver.take(.relist)
    driver.events([
      .added("a", "1"), .added("c", "3"),
      .bookmark(resourceVersion: "12", endsInitialEvents: true),
    ])
    #expect(driver.changes.last == Driver.change(upserts: [("c", "3")], removals: ["b"]))
  }

  @Test("frames of an earlier request are not heard")
  func stale() {
    var driver = Driver.watching(["a": "1"], at: "10")
    let old = driver.number
    driver.closed(after: .seconds(60))
    driver.take(.events(old, [.deleted("a", "11", uid: "a")]))
    driver.take(.failed(old, "late"))
    #expect(driver.names == ["a"] && driver.question == .watch(resourceVersion: "10"))
  }
}

@Suite("Reflector of a kind that may not be there")
struct OptionalKindTests {
  @Test("is synced without objects, tries other versions, and begins when the kind is defined")
  func missing() {
    var driver = Driver(versions: ["v1", "v1beta1"], isOptional: true)
    driver.take(.start)
    #expect(driver.request?.version == "v1")
    driver.refused(APIRefusal(code: 404))
    #expect(driver.request?.version == "v1beta1")
    driver.refused(APIRefusal(code: 404))
    #expect(driver.isSynced && driver.question == nil && !driver.isFailing)
    driver.take(.definition(isPresent: true))
    #expect(driver.request?.version == "v1")
    driver.events([.added("a", "1"), .bookmark(resourceVersion: "2", endsInitialEvents: true)])
    #expect(driver.names == ["a"])
  }

  @Test("is asked for now and then where definitions cannot be read")
  func polls() {
    var driver = Driver(versions: ["v1"], isOptional: true)
    driver.take(.start)
    driver.refused(APIRefusal(code: 404))
    #expect(driver.passToDeadline() == .seconds(30))
    #expect(driver.question == .stream(resourceVersion: ""))
  }

  @Test("a server that starts and does not know the kind yet takes no object away")
  func startingServer() {
    var driver = Driver.watching(["a": "1"], at: "10", isOptional: true)
    driver.closed(after: .seconds(60))
    driver.refused(APIRefusal(code: 404))
    #expect(driver.names == ["a"] && driver.isFailing)
    // Only when the definition is gone too.
    driver.take(.definition(isPresent: false))
    _ = driver.passToDeadline()
    driver.refused(APIRefusal(code: 404))
    #expect(driver.names == [])
  }

  @Test("a kind that must be there is not synced while it is not")
  func required() {
    var driver = Driver()
    driver.take(.start)
    driver.refused(APIRefusal(code: 404))
    #expect(!driver.isSynced && driver.isFailing)
  }
}
