// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

@testable import StateDirectory

struct StateDirectoryTests {
  private let root = NSTemporaryDirectory() + "navarch-state-" + UUID().uuidString

  private func removed(_ body: () async throws -> Void) async throws {
    defer { try? FileManager.default.removeItem(atPath: root) }
    try await body()
  }

  @Test func whatIsKeptIsMadeOnceAndPrivate() async throws {
    try await removed {
      let state = try StateDirectory(root + "/deep/er/")
      let first = try state.keepOnce("keys") { ["key.pem": Array("one".utf8)] }
      let second = try state.keepOnce("keys") { ["key.pem": Array("two".utf8)] }
      #expect(first && !second)
      #expect(try FileBytes.read(state.path("keys/key.pem")) == Array("one".utf8))
      for (path, mode) in [("keys/key.pem", 0o600), ("keys", 0o700), ("", 0o700)] {
        var status = stat()
        #expect(stat(state.path(path), &status) == 0 && status.st_mode & 0o777 == mode, "\(path)")
      }
    }
  }

  /// All race to the end of making; one wins, and no draft is left.
  @Test func ofSeveralMakersOneWins() async throws {
    try await removed {
      let state = try StateDirectory(root)
      let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<16 {
          group.addTask { try state.keepOnce("keys") { ["key": [UInt8(number)]] } }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(winners == 1)
      #expect(try FileManager.default.contentsOfDirectory(atPath: root) == ["keys"])
    }
  }

  @Test func errorsNameThePath() async throws {
    try await removed {
      let state = try StateDirectory(root)
      try state.keepOnce("keys") { ["key": [1, 2, 3]] }
      let file = state.path("keys/key")
      #expect {
        try StateDirectory(file)
      } throws: {
        "\($0)" == "\(file) cannot keep state: it is no folder"
      }
      #expect {
        try FileBytes.read(root + "/none")
      } throws: {
        "\($0)".hasPrefix("\(root)/none cannot be read: ") && ($0 as? FileError)?.isMissing == true
      }
      #expect(throws: FileError.self) { try FileBytes.read(file, limit: 2) }
    }
  }

  @Test func aReplacedFileHasAnotherMark() async throws {
    try await removed {
      let state = try StateDirectory(root)
      try state.keepOnce("a") { ["f": [1]] }
      let path = state.path("a/f")
      let before = FileMark(path)
      #expect(before != nil && before == FileMark(path))
      try FileBytes.create(root + "/fresh", [1])
      #expect(rename(root + "/fresh", path) == 0)
      #expect(before != FileMark(path))
      #expect(FileMark(root + "/none") == nil)
    }
  }
}
