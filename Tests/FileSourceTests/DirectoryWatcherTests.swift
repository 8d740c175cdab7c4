// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import FileSource

@Suite(.timeLimit(.minutes(1))) struct DirectoryWatcherTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Reads transactions until their sum is as expected; how many there were.
  private func wait(
    for expected: [String: String], from state: inout [String: String],
    _ changes: inout AsyncStream<DirectoryChange>.Iterator
  ) async -> Int {
    var count = 0
    while state != expected, let change = await changes.next(isolation: #isolation) {
      state.merge(change.texts) { _, new in new }
      for path in change.removed { state[path] = nil }
      count += 1
    }
    return count
  }

  @Test func tellsEveryKindOfChange() async throws {
    try directory.write("a.yaml", "1")
    let watcher = try DirectoryWatcher(directory: directory.path + "/")
    var changes = watcher.changes.makeAsyncIterator()
    let first = try #require(await changes.next())
    #expect(first.isInitial && first.texts == ["a.yaml": "1"])
    var state = first.texts
    try directory.write("a.yaml", "2")
    _ = await wait(for: ["a.yaml": "2"], from: &state, &changes)
    try directory.makeDirectory("x/y")
    try directory.write("x/y/b.yml", "3")
    _ = await wait(for: ["a.yaml": "2", "x/y/b.yml": "3"], from: &state, &changes)
    try directory.move("a.yaml", to: "x/c.json")
    _ = await wait(for: ["x/c.json": "2", "x/y/b.yml": "3"], from: &state, &changes)
    try directory.remove("x")
    _ = await wait(for: [:], from: &state, &changes)
    #expect(state == [:])
    watcher.stop()
    #expect(await changes.next() == nil)
  }

  @Test func aBurstEndsInTheRightState() async throws {
    let limits = DirectoryWatcherLimits(quietMilliseconds: 50, rounds: 1000)
    let watcher = try DirectoryWatcher(directory: directory.path, limits: limits)
    var changes = watcher.changes.makeAsyncIterator()
    var state: [String: String] = [:]
    #expect(await changes.next() == DirectoryChange(isInitial: true))
    var expected: [String: String] = [:]
    for number in 0..<500 {
      try directory.write("f\(number).yaml", "\(number)")
      expected["f\(number).yaml"] = "\(number)"
    }
    let count = await wait(for: expected, from: &state, &changes)
    #expect(state == expected)
    #expect(count < 250)
    watcher.stop()
  }

  @Test func anInjectedOverflowIsHarmless() async throws {
    let watcher = try DirectoryWatcher(directory: directory.path)
    var changes = watcher.changes.makeAsyncIterator()
    _ = await changes.next()
    watcher.loop.inject(InotifyEvent(watch: -1, mask: .overflow))
    try directory.write("a.yaml", "1")
    #expect(await changes.next()?.texts == ["a.yaml": "1"])
    watcher.stop()
  }

  @Test func aMissingDirectoryIsAnError() throws {
    let missing = directory.path + "/none"
    let error = #expect(throws: DirectoryWatcherError.self) {
      _ = try DirectoryWatcher(directory: missing)
    }
    #expect(
      error?.reason == "the directory \(missing) cannot be watched: No such file or directory")
    try directory.write("file", "x")
    let file = #expect(throws: DirectoryWatcherError.self) {
      _ = try DirectoryWatcher(directory: directory.path + "/file")
    }
    #expect(file?.reason == "\(directory.path)/file is not a directory")
  }

  @Test func theStreamEndsWithItsWatcher() async throws {
    var watcher: DirectoryWatcher? = try DirectoryWatcher(directory: directory.path)
    let changes = watcher?.changes
    watcher = nil
    var iterator = try #require(changes).makeAsyncIterator()
    while await iterator.next() != nil {}
  }
}
