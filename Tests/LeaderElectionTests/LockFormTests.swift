// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@testable import LeaderElection

@Suite("Records in objects")
struct LockFormTests {
  @Test(
    "a renewal keeps when the lock was acquired",
    arguments: [ObjectLock.Kind.lease, .configMap])
  func renewal(kind: ObjectLock.Kind) throws {
    let form = LockForm(kind)
    var object = form.object(named: "a", in: "b")
    for (holder, time) in [("one", "1"), ("one", "2"), ("", "3"), ("two", "4"), ("two", "5")] {
      let record = form.stamped(LockRecord(holder: holder), at: time, over: object)
      object = form.setting(record, in: object)
    }
    let record = try #require(form.record(in: object))
    #expect(record.acquired == "4" && record.renewed == "5" && record.holder == "two")
  }
}
