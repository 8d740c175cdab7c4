// SPDX-License-Identifier: Apache-2.0

import Glibc
import Lifecycle
import StateDirectory

/// Keeps the agent small: there is one beside every workload.
struct ProgramMemory: Service {
  /// When it is done first, when the start is over, and how often from then on.
  private static let pauses = (first: Duration.seconds(5), later: Duration.seconds(10))

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

  /// Lets go of pages of program text, most of which the start alone needed.
  ///
  /// The system reads a page again when it is used, from its own cache of the file. Only mappings that
  /// were never written to are meant: executable ones of files.
  static func release() {
    guard let bytes = try? FileBytes.read("/proc/self/maps") else { return }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 6, words[1] == "r-xp", words[5].hasPrefix("/") else { continue }
      let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard ends.count == 2, let start = UnsafeMutableRawPointer(bitPattern: ends[0]) else {
        continue
      }
      madvise(start, Int(ends[1] - ends[0]), MADV_DONTNEED)
    }
  }
}
