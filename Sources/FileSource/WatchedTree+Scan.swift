// SPDX-License-Identifier: Apache-2.0

extension WatchedTree {
  /// Looks at everything: watches each directory first and lists it then, so that whatever comes
  /// in between is either listed or an event.
  func rescan(forcing changed: Set<String> = []) {
    problems = [:]
    watchAncestor()
    var scan = Scan(changed: changed)
    let oldTargets = targets
    targets = [:]
    visit("", &scan)
    for (watch, _) in directories where scan.watches[watch] == nil { inotify.unwatch(watch) }
    directories = scan.watches
    for (watch, _) in oldTargets where targets[watch] == nil && directories[watch] == nil {
      inotify.unwatch(watch)
    }
    for path in files.keys where !scan.found.contains(path) && !scan.isUnreadable(path) {
      forget(path)
    }
    inFlight = inFlight.filter { scan.found.contains($0) }
  }

  /// What one full look has found.
  private struct Scan {
    let changed: Set<String>
    var watches: [Int32: String] = [:]
    var found: Set<String> = []
    var unreadable: [String] = []

    init(changed: Set<String>) { self.changed = changed }

    /// Whether a path lies in a directory that exists but cannot be listed.
    func isUnreadable(_ path: String) -> Bool {
      unreadable.contains { $0.isEmpty || path.hasPrefix($0 + "/") }
    }
  }

  private func visit(_ directory: String, _ scan: inout Scan) {
    let full = directory.isEmpty ? root : root + "/" + directory
    var mask: InotifyMask = [.closeWrite, .modify, .attributes, .onlyDirectory]
    mask.formUnion([.entries, .gone])
    switch inotify.watch(full, for: mask) {
    case .success(let watch): scan.watches[watch] = directory
    case .failure(let error) where error.isMissing:
      if directory.isEmpty { problems[""] = "the directory \(root) is missing" }
      return
    case .failure(let error):
      problems[directory] = "the directory \(full) cannot be watched: \(error.message)"
    }
    switch FileSystem.names(in: full) {
    case .success(let names):
      for name in names where !name.hasPrefix(".") { visit(name, in: directory, &scan) }
    case .failure(let error) where error.isMissing: break
    case .failure(let error):
      problems[directory] = "the directory \(full) cannot be read: \(error.message)"
      scan.unreadable.append(directory)
    }
  }

  private func visit(_ name: String, in directory: String, _ scan: inout Scan) {
    let path = WatchedTree.join(directory, name)
    guard case .success(let status) = FileSystem.status(of: root + "/" + path, following: false)
    else { return }
    if status.kind == .directory {
      visit(path, &scan)
    } else if WatchedTree.isConfiguration(name) {
      scan.found.insert(path)
      look(at: path, force: scan.changed.contains(path))
    }
  }

  /// Watches the nearest directory above the root that exists, to see the root come and go.
  private func watchAncestor() {
    let old = ancestor?.watch
    ancestor = nil
    for _ in 0..<8 {
      guard let (watch, below, name) = watchNearest() else { break }
      ancestor = (watch, name)
      // What came before the watch has no event: then start again, nearer to the root.
      if below == root { break }
      guard case .success = FileSystem.status(of: below, following: true) else { break }
    }
    if let old, old != ancestor?.watch { inotify.unwatch(old) }
  }

  /// The watch of the nearest directory above the root, what lies below it, and that one's name.
  private func watchNearest() -> (watch: Int32, below: String, name: String)? {
    var mask: InotifyMask = [.onlyDirectory]
    mask.formUnion([.entries, .gone])
    var below = root
    while below != "/", let slash = below.lastIndex(of: "/") {
      let above = slash == below.startIndex ? "/" : String(below[..<slash])
      if case .success(let watch) = inotify.watch(above, for: mask) {
        return (watch, below, String(below[below.index(after: slash)...]))
      }
      below = above
    }
    return nil
  }
}
