// SPDX-License-Identifier: Apache-2.0

import Glibc
import Lifecycle
import StateDirectory

/// Keeps the agent small: there is one beside every workload.
///
/// Most pages of program text and constants are needed at the start alone, and the system brings sixteen in
/// where one is used. They are let go of now and then; those that are used come back from the system's
/// own cache of the file.
struct ProgramMemory: Service {
  /// When it is done first, when the start is over, and how often from then on.
  private static let pauses = (first: Duration.seconds(5), later: Duration.seconds(15))

  func run(until shutdown: ShutdownSignal) async throws {
    await withDiscardingTaskGroup { group in
      group.addTask {
        var pause = ProgramMemory.pauses.first
        while (try? await ContinuousClock().sleep(for: pause)) != nil {
          ProgramMemory.release()
          pause = ProgramMemory.pauses.later
        }
      }
      await shutdown.wait()
      group.cancelAll()
    }
  }

  /// Lets go of the pages of files that no process has written to.
  static func release() {
    guard let bytes = try? FileBytes.read("/proc/self/smaps", limit: 4 << 20) else { return }
    for range in untouched(bytes) {
      guard let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound) else { continue }
      madvise(start, Int(range.count), MADV_DONTNEED)
    }
  }

  /// The mappings of files, by their addresses, that can be read but not written, and of which no page was
  /// ever written (proc(5), `smaps`): what the linker has put right at the start must stay.
  static func untouched(_ smaps: [UInt8]) -> [Range<UInt>] {
    var found: [Range<UInt>] = []
    var candidate: Range<UInt>?
    for line in smaps.split(separator: UInt8(ascii: "\n")) {
      if line.first.map({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) == true {
        let isClean =
          line.starts(with: "Anonymous:".utf8) && line.suffix(5).elementsEqual(" 0 kB".utf8)
        if isClean, let range = candidate { found.append(range) }
        continue
      }
      let words = line.split(separator: UInt8(ascii: " "))
      candidate = nil
      guard words.count >= 6, words[5].first == UInt8(ascii: "/"),
        ["r-xp", "r--p"].contains(String(decoding: words[1], as: UTF8.self))
      else { continue }
      let ends = words[0].split(separator: UInt8(ascii: "-")).compactMap {
        UInt(String(decoding: $0, as: UTF8.self), radix: 16)
      }
      if ends.count == 2, ends[0] < ends[1] { candidate = ends[0]..<ends[1] }
    }
    return found
  }
}
