// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import FileSource

@Suite struct WatchedTreeTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func firstChangeIsTheFullScan() throws {
    try directory.write("b.yaml", "b")
    try directory.write("notes.txt", "no")
    try directory.write(".hidden.yaml", "no")
    try directory.makeDirectory("x/y")
    try directory.makeDirectory(".git")
    try directory.write("x/y/a.json", "a")
    try directory.write(".git/c.yml", "no")
    let harness = try Harness(directory)
    let change = try #require(harness.change())
    #expect(change.isInitial)
    #expect(change.upserted.map(\.path) == ["b.yaml", "x/y/a.json"])
    #expect(change.texts == ["b.yaml": "b", "x/y/a.json": "a"])
    #expect(change.removed.isEmpty && change.problems.isEmpty)
    #expect(harness.change() == nil)
  }

  /// Entries of a directory come in blocks, at whose ends nothing follows a name.
  @Test func namesOfLargeDirectoriesAreRead() throws {
    let names = (0..<4000).map { "svc-\($0)-service.yaml" }
    for name in names {
      #expect(FileManager.default.createFile(atPath: directory.path + "/" + name, contents: nil))
    }
    #expect(try FileSystem.names(in: directory.path).get() == names.sorted())
  }

  @Test func anEmptyDirectoryHasAFirstChange() throws {
    #expect(try Harness(directory).change() == DirectoryChange(isInitial: true))
  }

  @Test func seesWritesInPlaceOnceTheyAreClosed() throws {
    try directory.write("a.yaml", "1")
    let harness = try Harness(directory)
    _ = harness.change()
    let handle = try #require(FileHandle(forUpdatingAtPath: directory.path + "/a.yaml"))
    try handle.truncate(atOffset: 0)
    try handle.write(contentsOf: Data("half".utf8))
    #expect(harness.change() == nil)
    #expect(harness.change(injecting: [InotifyEvent(watch: -1, mask: .isDirectory)]) == nil)
    harness.tree.rescan()
    #expect(harness.change() == nil)
    try handle.write(contentsOf: Data(" whole".utf8))
    try handle.close()
    try directory.untilClosed("a.yaml")
    #expect(harness.change()?.texts == ["a.yaml": "half whole"])
  }

  @Test func newFilesCountOnceTheyAreClosed() throws {
    let harness = try Harness(directory)
    _ = harness.change()
    let descriptor = open(directory.path + "/a.yaml", O_CREAT | O_WRONLY, 0o644)
    #expect(harness.change() == nil)
    harness.tree.rescan()
    #expect(harness.change() == nil)
    #expect(Glibc.write(descriptor, "x", 1) == 1)
    #expect(harness.change() == nil)
    close(descriptor)
    try directory.untilClosed("a.yaml")
    #expect(harness.change()?.texts == ["a.yaml": "x"])
  }

  @Test func seesRenamesAndDeletions() throws {
    try directory.write("a.yaml", "1")
    let harness = try Harness(directory)
    _ = harness.change()
    try directory.write(".a.yaml.tmp", "2")
    try directory.move(".a.yaml.tmp", to: "a.yaml")
    #expect(harness.change()?.texts == ["a.yaml": "2"])
    try directory.move("a.yaml", to: "b.yaml")
    let moved = harness.change()
    #expect(moved?.texts == ["b.yaml": "2"])
    #expect(moved?.removed == ["a.yaml"])
    try directory.move("b.yaml", to: "b.txt")
    #expect(harness.change() == DirectoryChange(removed: ["b.yaml"]))
  }

  @Test func equalBytesAreNoChange() throws {
    try directory.write("a.yaml", "1")
    let harness = try Harness(directory)
    _ = harness.change()
    try directory.write("a.yaml", "1")
    #expect(harness.change() == nil)
    try directory.write("a.yaml", "2")
    try directory.write("a.yaml", "1")
    #expect(harness.change() == nil)
  }

  @Test func aBurstIsOneTransaction() throws {
    let harness = try Harness(directory)
    _ = harness.change()
    for number in 0..<500 { try directory.write("f\(number).yaml", "n: \(number)") }
    for number in 0..<100 { try directory.remove("f\(number).yaml") }
    let change = harness.change()
    #expect(change?.upserted.count == 400)
    #expect(change?.texts["f499.yaml"] == "n: 499")
    #expect(change?.removed == [])
    #expect(harness.change() == nil)
  }

  @Test func newDirectoriesAreSeenWithTheirFiles() throws {
    let harness = try Harness(directory)
    _ = harness.change()
    try directory.makeDirectory("x/y/z")
    try directory.write("x/y/z/a.yaml", "1")
    try directory.write("x/b.yaml", "2")
    #expect(harness.change()?.texts == ["x/y/z/a.yaml": "1", "x/b.yaml": "2"])
    try directory.write("x/y/z/a.yaml", "3")
    #expect(harness.change()?.texts == ["x/y/z/a.yaml": "3"])
    try directory.move("x/y", to: "w")
    let moved = harness.change()
    #expect(moved?.texts == ["w/z/a.yaml": "3"])
    #expect(moved?.removed == ["x/y/z/a.yaml"])
    try directory.write("w/z/a.yaml", "4")
    #expect(harness.change()?.texts == ["w/z/a.yaml": "4"])
    try directory.remove("w")
    #expect(harness.change() == DirectoryChange(removed: ["w/z/a.yaml"]))
  }

  @Test func aVolumeIsSwappedInOneTransaction() throws {
    for (version, text) in [("..1", "one"), ("..2", "two")] {
      try directory.makeDirectory(version)
      try directory.write(version + "/a.yaml", text)
      try directory.write(version + "/b.yaml", text)
    }
    try directory.write("..2/c.yaml", "new")
    try directory.link("..data", to: "..1")
    for name in ["a.yaml", "b.yaml", "c.yaml"] { try directory.link(name, to: "..data/" + name) }
    let harness = try Harness(directory)
    #expect(harness.change()?.texts == ["a.yaml": "one", "b.yaml": "one"])
    try directory.link("..data_tmp", to: "..2")
    #expect(harness.change() == nil)
    try directory.move("..data_tmp", to: "..data")
    #expect(
      harness.change()?.texts == ["a.yaml": "two", "b.yaml": "two", "c.yaml": "new"])
    try directory.remove("..1")
    #expect(harness.change() == nil)
  }

  @Test func targetsOfLinksAreWatched() throws {
    let target = directory.outer + "/target"
    try Data("1".utf8).write(to: URL(filePath: target))
    try directory.link("a.yaml", to: target)
    let harness = try Harness(directory)
    #expect(harness.change()?.texts == ["a.yaml": "1"])
    try Data("2".utf8).write(to: URL(filePath: target))
    #expect(harness.change()?.texts == ["a.yaml": "2"])
    try Data("3".utf8).write(to: URL(filePath: target), options: .atomic)
    #expect(harness.change()?.texts == ["a.yaml": "3"])
    try Data("4".utf8).write(to: URL(filePath: target))
    #expect(harness.change()?.texts == ["a.yaml": "4"])
    try FileManager.default.removeItem(atPath: target)
    #expect(harness.change() == DirectoryChange(removed: ["a.yaml"]))
  }

  @Test func linksToDirectoriesAreNotFollowed() throws {
    try directory.makeDirectory("x")
    try directory.link("x/loop", to: "..")
    try directory.link("x/loop.yaml", to: "..")
    try directory.write("x/a.yaml", "1")
    #expect(try Harness(directory).change()?.texts == ["x/a.yaml": "1"])
  }

  @Test func anOverflowIsAFullRescan() throws {
    try directory.write("a.yaml", "old")
    let harness = try Harness(directory)
    _ = harness.change()
    try directory.write("a.yaml", "new")
    try directory.write("b.yaml", "1")
    _ = harness.tree.inotify.drain()  // these events are lost
    #expect(harness.change() == nil)
    let overflow = InotifyEvent(watch: -1, mask: .overflow)
    #expect(harness.change(injecting: [overflow])?.texts == ["a.yaml": "new", "b.yaml": "1"])
  }

  @Test func problemsAreToldAndTheLastBytesStay() throws {
    try directory.write("a.yaml", "1")
    let harness = try Harness(directory, limits: DirectoryWatcherLimits(fileBytes: 4))
    _ = harness.change()
    try directory.write("a.yaml", "12345")
    let problem = FileProblem(path: "a.yaml", reason: "a.yaml has more bytes than the limit 4")
    #expect(harness.change() == DirectoryChange(problems: [problem]))
    #expect(harness.change() == nil)
    try directory.write("a.yaml", "1")
    #expect(harness.change() == DirectoryChange())
    #expect(mkfifo(directory.path + "/b.yaml", 0o644) == 0)
    #expect(
      harness.change()?.problems.map(\.reason)
        == ["b.yaml is neither a file nor a link to one"])
    try directory.remove("b.yaml")
    #expect(harness.change() == DirectoryChange())
  }

  @Test func theDirectoryMayGoAndComeAgain() throws {
    try directory.write("a.yaml", "1")
    let harness = try Harness(directory)
    _ = harness.change()
    try FileManager.default.removeItem(atPath: directory.outer)
    let gone = harness.change()
    #expect(gone?.removed == ["a.yaml"])
    #expect(gone?.problems.map(\.reason) == ["the directory \(directory.path) is missing"])
    try directory.makeDirectory("x")
    try directory.write("x/b.yaml", "2")
    let back = harness.change()
    #expect(back?.texts == ["x/b.yaml": "2"])
    #expect(back?.problems == [])
    try directory.write("x/b.yaml", "3")
    #expect(harness.change()?.texts == ["x/b.yaml": "3"])
  }
}
