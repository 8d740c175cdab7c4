// SPDX-License-Identifier: Apache-2.0

import CProtobufC
import Glibc

// Maps are kept sorted, so that they are found by bisection and packed alike on every replica. The
// wire has them in any order, and a key may come twice: then the last entry counts (protobuf,
// "Maps").

extension MessageSlot {
  /// Sorts the maps of a message that was unpacked, and of the messages in it.
  func sortMaps() {
    for field in fields where field.isMessage {
      if field.isRepeated {
        if count(field) > 1, field.isMap { sortEntries(field) }
        for position in 0..<self.count(field) {
          message(at: element(field, position))?.sortMaps()
        }
      } else if !field.isMember || isChosen(field) {
        message(at: storage(field))?.sortMaps()
      }
    }
  }

  /// Sorts one map whose keys are texts; others are left as the wire has them.
  func sortEntries(_ field: FieldDescriptor) {
    let count = count(field)
    guard count > 1, let first = message(at: element(field, 0)), first.hasTextKey else { return }
    let memory = storage(field).load(as: UnsafeMutableRawPointer.self)
      .assumingMemoryBound(to: UnsafeMutableRawPointer.self)
    let entries = UnsafeMutableBufferPointer(start: memory, count: count)
      .map { MessageSlot(base: $0, arena: arena) }
    let isSorted = zip(entries, entries.dropFirst()).allSatisfy { $0.compareKey(to: $1.key) < 0 }
    if isSorted { return }
    let order = entries.indices.sorted { one, other in
      let keys = entries[one].compareKey(to: entries[other].key)
      return keys == 0 ? one < other : keys < 0
    }
    var kept: [MessageSlot] = []
    for index in order {
      if let last = kept.last, last.compareKey(to: entries[index].key) == 0 { kept.removeLast() }
      kept.append(entries[index])
    }
    for (position, entry) in kept.enumerated() { memory[position] = entry.base }
    quantifier(field).storeBytes(of: kept.count, as: Int.self)
  }

  private var hasTextKey: Bool { field(0).pointee.type == PROTOBUF_C_TYPE_STRING }

  /// The key of a map's entry whose keys are texts.
  private var key: UnsafePointer<CChar> {
    storage(field(0)).load(as: UnsafePointer<CChar>.self)
  }

  /// Below, equal to or above 0 as the entry's key is below, equal to or above another in UTF-8.
  func compareKey(to other: UnsafePointer<CChar>) -> Int32 { strcmp(key, other) }
}
