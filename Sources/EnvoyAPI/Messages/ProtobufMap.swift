// SPDX-License-Identifier: Apache-2.0

import CProtobufC

/// A map field with keys that are texts; its entries are kept, and so packed, sorted by key.
public struct ProtobufMap<Value: ProtobufValue> {
  var entries: ProtobufList<MapEntry<Value>>

  init(entries: ProtobufList<MapEntry<Value>>) { self.entries = entries }

  /// The value of a key.
  ///
  /// O(log n) to read, O(n) to insert; nil is not assigned.
  public subscript(key: String) -> Value? {
    get {
      let place = place(of: key)
      return place.isTaken ? entries[place.index].value : nil
    }
    set {
      guard let newValue, case .bound(let slot, let index) = entries.storage else { return }
      let place = place(of: key)
      if place.isTaken {
        entries[place.index].value = newValue
      } else {
        entries.append(MapEntry(key: key, value: newValue, in: slot, index))
        slot.moveLast(of: index, to: place.index)
      }
    }
  }

  /// The keys and values, sorted by the keys' UTF-8.
  public var elements: [(key: String, value: Value)] { entries.map { ($0.key, $0.value) } }

  /// Where the key stands or belongs.
  private func place(of key: String) -> (index: Int, isTaken: Bool) {
    key.withCString { key in
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        let order = entries[middle].slot.compareKey(to: key)
        if order == 0 { return (middle, true) }
        if order < 0 { low = middle + 1 } else { high = middle }
      }
      return (low, false)
    }
  }
}

/// One entry of a map: a message of the fields key and value.
struct MapEntry<Value: ProtobufValue>: ProtobufPointee {
  private static var key: Int { 0 }
  private static var value: Int { 1 }

  let slot: MessageSlot

  var key: String { slot.scalar(Self.key) }

  var value: Value {
    get {
      guard slot.field(Self.value).pointee.type == PROTOBUF_C_TYPE_MESSAGE else {
        return slot.scalar(Self.value)
      }
      return slot.optional(Self.value) ?? Value.unbox(emptyValue)
    }
    nonmutating set {
      if slot.field(Self.value).pointee.type == PROTOBUF_C_TYPE_MESSAGE {
        slot.set(optional: Self.value, newValue)
      } else {
        slot.set(scalar: Self.value, newValue)
      }
    }
  }

  private var emptyValue: MessageSlot { slot.arena.make(messageOf: slot.field(Self.value)) }

  init(slot: MessageSlot) { self.slot = slot }

  /// A new entry for the map field at `index` of `owner`.
  init(key: String, value: Value, in owner: MessageSlot, _ index: Int) {
    slot = owner.arena.make(messageOf: owner.field(index))
    slot.set(scalar: Self.key, key)
    self.value = value
  }

  static func unbox(_ slot: MessageSlot) -> MapEntry { MapEntry(slot: slot) }
  static func box(_ value: MapEntry, _ arena: Arena) -> MessageSlot { value.slot }
}
