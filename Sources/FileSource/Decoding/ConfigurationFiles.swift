// SPDX-License-Identifier: Apache-2.0

public import MeshModel
import Configuration

/// What all files of a directory say, as changes of objects: one reader's value.
///
/// Of an object that several files have, the one of the first file counts, in the order of paths;
/// when that file no longer has it, the next one does.
public struct ConfigurationFiles: Sendable {
  private var files: [String: DecodedFile] = [:]
  private var owners: [ObjectKey: Set<String>] = [:]

  /// No files.
  public init() {}

  /// The objects that a change of the directory touches: one transaction.
  public mutating func apply(_ change: DirectoryChange) -> SourceTransaction {
    var touched: Set<ObjectKey> = []
    for path in change.removed { replace(path, with: nil, &touched) }
    for content in change.upserted {
      let decoded = DecodedFile(content, previous: files[content.path])
      replace(content.path, with: decoded, &touched)
    }
    var transaction = SourceTransaction()
    for key in touched.sorted(by: { $0.description < $1.description }) {
      if let object = winner(of: key) {
        transaction.upserts.append(object)
      } else {
        transaction.removals.append(key)
      }
    }
    transaction.problems = problems(change.problems)
    return transaction
  }

  private mutating func replace(
    _ path: String, with file: DecodedFile?, _ touched: inout Set<ObjectKey>
  ) {
    for key in files[path]?.objects.keys ?? [:].keys {
      touched.insert(key)
      owners[key]?.remove(path)
      if owners[key]?.isEmpty ?? false { owners[key] = nil }
    }
    files[path] = file
    for key in file?.objects.keys ?? [:].keys {
      touched.insert(key)
      owners[key, default: []].insert(path)
    }
  }

  private func winner(of key: ObjectKey) -> SourcedObject? {
    owners[key]?.min().flatMap { files[$0]?.objects[key] }
  }

  private func problems(_ unreadable: [FileProblem]) -> [StoredDiagnostic] {
    var all = unreadable.map {
      StoredDiagnostic(.rejected, key: nil, origin: ObjectOrigin(file: $0.path), message: $0.reason)
    }
    for file in files.values { all += file.problems }
    for (key, paths) in owners where paths.count > 1 {
      guard let first = winner(of: key) else { continue }
      for path in paths where path != first.origin.file {
        guard let object = files[path]?.objects[key] else { continue }
        all.append(DecodedFile.duplicate(object, first: first))
      }
    }
    return all.sorted { $0.description < $1.description }
  }
}
