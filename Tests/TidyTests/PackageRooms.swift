// SPDX-License-Identifier: Apache-2.0

/// What Package.swift says that each room uses.
func declaredUses(_ manifest: String) -> [String: Set<String>] {
  let room = /Room\(\s*name: "([\w-]+)",\s*uses: \[([^\]]*)\]/
  let rooms = manifest.matches(of: room).map { match in
    (String(match.1), Set(match.2.matches(of: /"(\w+)"/).map { String($0.1) }))
  }
  return Dictionary(rooms) { first, _ in first }
}

/// Where the manifest and ``allowedImports`` differ: each is to be changed with the other.
func disagreements(_ manifest: String) -> [Violation] {
  let system: Set = ["Glibc", "Synchronization", "Runtime"]
  let declared = declaredUses(manifest)
  return allowedImports.sorted { $0.key < $1.key }.flatMap { room, allowed -> [Violation] in
    let uses = declared[room] ?? []
    let mine = allowed.subtracting(system)
    let messages =
      uses.subtracting(mine).sorted().map { "uses \($0), which allowedImports does not have" }
      + mine.subtracting(uses).sorted().map { "does not use \($0), which allowedImports has" }
    return messages.map { Violation(path: "Package.swift", line: 1, message: "\(room) \($0)") }
  }
}
