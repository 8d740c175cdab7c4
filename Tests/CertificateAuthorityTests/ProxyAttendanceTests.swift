// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import Testing

/// Who counts as connected while a root changes.
@Suite struct ProxyAttendanceTests {
  private static func proxy(_ name: String) -> ProxyAttendance.Proxy {
    .init(
      names: ["\(name).default", "sidecar~10.0.0.1~\(name).default~d"],
      workload: .init(peer: "ipv4:10.0.0.1:80", namespace: "default", serviceAccount: name))
  }

  @Test func `who has left is waited for until the time is over`() {
    let attendance = ProxyAttendance(patience: 60, start: 1000)
    let (a, b) = (Self.proxy("a"), Self.proxy("b"))
    #expect(attendance.note([a, b], at: 1000).isEmpty)
    #expect(attendance.note([a], at: 1010) == [b])
    #expect(attendance.note([], at: 1059) == [a, b])
    #expect(attendance.note([], at: 1060) == [a])
    #expect(attendance.note([], at: 1070).isEmpty)
  }

  @Test func `who comes back is connected as before`() {
    let attendance = ProxyAttendance(patience: 60, start: 1000)
    let a = Self.proxy("a")
    attendance.note([a], at: 1000)
    #expect(attendance.note([], at: 1030) == [a])
    #expect(attendance.note([a], at: 1059).isEmpty)
    #expect(attendance.note([], at: 1100) == [a])
  }

  @Test func `right after the start others may still come back`() {
    let attendance = ProxyAttendance(patience: 60, start: 1000)
    #expect(attendance.secondsUntilComplete(at: 1000) == 60)
    #expect(attendance.secondsUntilComplete(at: 1059) == 1)
    #expect(attendance.secondsUntilComplete(at: 1060) == 0)
    // A clock that was set back does not make the wait longer.
    #expect(attendance.secondsUntilComplete(at: 500) == 60)
  }
}
