// SPDX-License-Identifier: Apache-2.0

extension WatchedTree {
  /// Where to look after some events.
  private struct Places {
    var files: Set<String> = []
    var everywhere = false
  }

  /// Looks where events say that something changed.
  func apply(_ events: [InotifyEvent]) {
    var places = Places()
    for event in events { note(event, &places) }
    if places.everywhere {
      rescan(forcing: places.files)
    } else {
      for path in places.files { look(at: path, force: true) }
    }
  }

  private func note(_ event: InotifyEvent, _ places: inout Places) {
    if event.mask.contains(.overflow) {
      inFlight = []
      places.everywhere = true
    } else if event.watch == ancestor?.watch {
      if event.name == ancestor?.name || !event.mask.isDisjoint(with: .gone) {
        places.everywhere = true
      }
    } else if let links = targets[event.watch] {
      noteTarget(event, links, &places)
    } else if let directory = directories[event.watch] {
      noteEntry(event, in: directory, &places)
    }
  }

  /// Something happened to a file that links lead to.
  private func noteTarget(_ event: InotifyEvent, _ links: Set<String>, _ places: inout Places) {
    if event.mask.contains(.ignored) {
      targets[event.watch] = nil
    } else if event.mask.contains(.modify) {
      inFlight.formUnion(links)
    } else if event.mask.contains(.closeWrite) {
      inFlight.subtract(links)
      places.files.formUnion(links)
    } else {
      // Replaced or gone: look what the links lead to now, and watch that.
      inFlight.subtract(links)
      places.files.formUnion(links)
      places.everywhere = true
    }
  }

  /// Something happened in a directory.
  private func noteEntry(
    _ event: InotifyEvent, in directory: String, _ places: inout Places
  ) {
    if event.mask.contains(.ignored) {
      directories[event.watch] = nil
      places.everywhere = true
      return
    }
    if event.name.isEmpty {
      places.everywhere = true  // the directory itself: gone, or its permissions changed
      return
    }
    // Kubernetes swaps the link `..data`, through which all the visible links of a volume lead.
    let isVolume = event.name.hasPrefix("..")
    if isVolume || (event.mask.contains(.isDirectory) && !event.name.hasPrefix(".")) {
      if !event.mask.isDisjoint(with: [.entries, .attributes]) { places.everywhere = true }
    } else if WatchedTree.isConfiguration(event.name) {
      noteFile(event, WatchedTree.join(directory, event.name), &places)
    }
  }

  private func noteFile(_ event: InotifyEvent, _ path: String, _ places: inout Places) {
    if event.mask.contains(.modify) {
      inFlight.insert(path)
    } else if event.mask.contains(.create), isBeingWritten(path) {
      inFlight.insert(path)
    } else if event.mask.contains(.attributes) {
      places.files.insert(path)
    } else {
      inFlight.remove(path)
      places.files.insert(path)
    }
  }

  /// Whether a file that was just created will be closed by its writer: not so a link of any kind.
  private func isBeingWritten(_ path: String) -> Bool {
    switch FileSystem.status(of: root + "/" + path, following: false) {
    case .success(let status): status.kind == .file && status.links == 1
    case .failure: false
    }
  }
}
