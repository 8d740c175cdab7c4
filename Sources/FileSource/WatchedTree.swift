// SPDX-License-Identifier: Apache-2.0

import Bytes

/// What is known of a directory tree, and what of it was told: one thread's own.
///
/// Events only say where to look. What is told is the difference between what the last look found
/// and what was told before, so an event too many costs nothing, and a full look mends one too few.
final class WatchedTree {
  /// A file that exists.
  struct KnownFile {
    /// Its state when it was read; nil if it must be read again.
    var stamp: FileSystem.Stamp?
    /// Whether a change after the reading would have changed the stamp.
    var isSettled = false
  }

  let root: String
  let inotify: Inotify
  let limits: DirectoryWatcherLimits

  /// Watched directories, by watch, below the root; the root is the empty path.
  var directories: [Int32: String] = [:]
  /// Watched targets of links: the paths of the links.
  var targets: [Int32: Set<String>] = [:]
  /// The watch of the nearest directory above the root that exists, and the name awaited there.
  var ancestor: (watch: Int32, name: String)?
  /// The files that exist, readable or not.
  var files: [String: KnownFile] = [:]
  /// Files that a writer holds open: not read before it closes them.
  var inFlight: Set<String> = []
  /// What stands in the way, by path.
  var problems: [String: String] = [:]

  private var pending: [String: FileContent] = [:]
  private var told: [String: ContentDigest] = [:]
  private var toldProblems: [FileProblem] = []
  private var isInitial = true

  init(root: String, inotify: Inotify, limits: DirectoryWatcherLimits) {
    self.root = root
    self.inotify = inotify
    self.limits = limits
  }

  /// The difference to what was told before, which is told herewith; nil if there is none.
  func takeChange() -> DirectoryChange? {
    let ready = pending.values.filter { !inFlight.contains($0.path) }.sorted { $0.path < $1.path }
    for content in ready {
      told[content.path] = content.digest
      pending[content.path] = nil
    }
    let removed = told.keys.filter { files[$0] == nil }.sorted()
    for path in removed { told[path] = nil }
    let standing = problems.map { FileProblem(path: $0.key, reason: $0.value) }
      .sorted { $0.path < $1.path }
    guard isInitial || !ready.isEmpty || !removed.isEmpty || standing != toldProblems else {
      return nil
    }
    let change = DirectoryChange(
      upserted: ready, removed: removed, problems: standing, isInitial: isInitial)
    toldProblems = standing
    isInitial = false
    return change
  }

  /// Looks at one file: reads it unless it is gone, in flight, or settled as it was.
  func look(at path: String, force: Bool) {
    let full = root + "/" + path
    guard case .success(let own) = FileSystem.status(of: full, following: false) else {
      return forget(path)
    }
    if own.kind == .link { watchTarget(of: path) }
    guard case .success(let status) = FileSystem.status(of: full, following: true) else {
      return forget(path)  // a link to nothing
    }
    if status.kind == .directory { return forget(path) }
    let known = files[path]
    files[path] = known ?? KnownFile()
    if inFlight.contains(path) { return }
    if !force, let known, known.isSettled, known.stamp == status.stamp { return }
    guard status.kind == .file else { return fail(path, "is neither a file nor a link to one") }
    read(path)
  }

  private func read(_ path: String) {
    switch FileSystem.read(root + "/" + path, limit: limits.fileBytes) {
    case .failure(let error) where error.isMissing: forget(path)
    case .failure(let error): fail(path, "cannot be read: \(error.message)")
    case .success((let bytes, _)) where bytes.count > limits.fileBytes:
      fail(path, "has more bytes than the limit \(limits.fileBytes)")
    case .success((let bytes, let status)):
      let content = FileContent(path: path, bytes: bytes)
      problems[path] = nil
      pending[path] = content.digest == told[path] ? nil : content
      files[path] = KnownFile(
        stamp: status.stamp,
        isSettled: FileSystem.now() - status.stamp.changed > 1_000_000_000)
    }
  }

  private func fail(_ path: String, _ reason: String) {
    problems[path] = "\(path) " + reason
    files[path] = KnownFile()
    pending[path] = nil
  }

  /// Forgets a file that is gone; it is told as removed if it was told at all.
  func forget(_ path: String) {
    files[path] = nil
    pending[path] = nil
    problems[path] = nil
    inFlight.remove(path)
  }

  /// Watches what a link leads to, where it is written in place.
  private func watchTarget(of path: String) {
    let mask: InotifyMask = [.closeWrite, .modify, .attributes, .deleteSelf, .moveSelf]
    if case .success(let watch) = inotify.watch(root + "/" + path, for: mask),
      directories[watch] == nil
    {
      targets[watch, default: []].insert(path)
    }
  }

  /// Whether a file of this name is configuration.
  static func isConfiguration(_ name: String) -> Bool {
    !name.hasPrefix(".")
      && (name.hasSuffix(".yaml") || name.hasSuffix(".yml") || name.hasSuffix(".json"))
  }

  /// The path of an entry of a directory below the root.
  static func join(_ directory: String, _ name: String) -> String {
    directory.isEmpty ? name : directory + "/" + name
  }
}
