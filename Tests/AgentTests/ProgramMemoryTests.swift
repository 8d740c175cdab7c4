// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Agent

struct ProgramMemoryTests {
  private func entry(_ head: String, anonymous: Int) -> String {
    head + "\nSize: 8 kB\nRss: 8 kB\nAnonymous:             \(anonymous) kB\nVmFlags: rd mr\n"
  }

  @Test func onlyWhatWasNeverWrittenIsLetGo() {
    let text = [
      entry("1000-2000 r-xp 00000000 fe:00 1     /usr/bin/a", anonymous: 0),
      entry("2000-3000 r--p 00001000 fe:00 1     /usr/bin/a", anonymous: 0),
      // What the linker has put right, what can be written, and what is of no file.
      entry("3000-4000 r--p 00002000 fe:00 1     /usr/bin/a", anonymous: 4),
      entry("4000-5000 rw-p 00003000 fe:00 1     /usr/bin/a", anonymous: 0),
      entry("5000-6000 r-xp 00000000 00:00 0", anonymous: 0),
      entry("6000-7000 r--p 00000000 00:00 0     [vvar]", anonymous: 0),
    ].joined()
    let ranges: [Range<UInt>] = [0x1000..<0x2000, 0x2000..<0x3000]
    #expect(ProgramMemory.untouched(Array(text.utf8)) == ranges)
    #expect(ProgramMemory.untouched([]).isEmpty)
  }

  @Test func theProgramGoesOn() {
    for _ in 0..<3 { ProgramMemory.release() }
    #expect(MergedMetrics.contentType(nil).hasPrefix("text/plain"))
  }
}
