// SPDX-License-Identifier: Apache-2.0

import CProtobufC

/// A repeated field of a message, or a list to be assigned to one.
public struct ProtobufList<Element: ProtobufValue>: ExpressibleByArrayLiteral {
  enum Storage {
    case bound(MessageSlot, Int)
    case values([Element])
  }

  var storage: Storage

  init(storage: Storage) { self.storage = storage }

  /// A list to be assigned to a field.
  public init(_ elements: some Sequence<Element>) { storage = .values(Array(elements)) }

  /// A list to be assigned to a field.
  public init(arrayLiteral elements: Element...) { storage = .values(elements) }

  /// Adds an element; amortised O(1).
  public mutating func append(_ element: Element) {
    switch storage {
    case .bound(let slot, let index): slot.append(element, to: index)
    case .values(var values):
      values.append(element)
      storage = .values(values)
    }
  }

  /// Adds elements, which may be those of the list itself.
  public mutating func append(contentsOf elements: some Sequence<Element>) {
    for element in Array(elements) { append(element) }
  }

  func store(to slot: MessageSlot, _ index: Int) {
    switch storage {
    case .bound(let source, let from) where source.base == slot.base && from == index: return
    case .bound: slot.replace(index, with: Array(self))
    case .values(let values): slot.replace(index, with: values)
    }
  }
}

extension ProtobufList: RandomAccessCollection {
  /// The first place.
  public var startIndex: Int { 0 }
  /// The number of elements.
  public var endIndex: Int {
    switch storage {
    case .bound(let slot, let index): slot.count(of: index)
    case .values(let values): values.count
    }
  }
  /// The element at a place.
  public subscript(position: Int) -> Element {
    switch storage {
    case .bound(let slot, let index): slot.element(of: index, at: position)
    case .values(let values): values[position]
    }
  }
}

extension MessageSlot {
  func count(of index: Int) -> Int {
    (base + Int(field(index).pointee.quantifier_offset)).load(as: Int.self)
  }

  private func set(count: Int, of index: Int) {
    (base + Int(field(index).pointee.quantifier_offset)).storeBytes(of: count, as: Int.self)
  }

  private func stride<V: ProtobufValue>(_ index: Int, _: V.Type) -> Int {
    field(index).pointee.type == PROTOBUF_C_TYPE_MESSAGE ? 8 : V.stride
  }

  func element<V: ProtobufValue>(of index: Int, at position: Int) -> V {
    precondition(position >= 0 && position < count(of: index), "index out of range")
    let elements = storage(field(index)).load(as: UnsafeMutableRawPointer.self)
    let place = elements + position * stride(index, V.self)
    guard field(index).pointee.type == PROTOBUF_C_TYPE_MESSAGE else { return V.load(place, arena) }
    return V.unbox(MessageSlot(base: place.load(as: UnsafeMutableRawPointer.self), arena: arena))
  }

  func append<V: ProtobufValue>(_ value: V, to index: Int) {
    let count = count(of: index)
    let stride = stride(index, V.self)
    let place = reserve(index, count: count + 1, stride: stride) + count * stride
    if field(index).pointee.type == PROTOBUF_C_TYPE_MESSAGE {
      place.storeBytes(of: V.box(value, arena).base, as: UnsafeMutableRawPointer.self)
    } else {
      V.store(value, place, arena)
    }
    set(count: count + 1, of: index)
  }

  func replace<V: ProtobufValue>(_ index: Int, with values: [V]) {
    set(count: 0, of: index)
    if !values.isEmpty { _ = reserve(index, count: values.count, stride: stride(index, V.self)) }
    for value in values { append(value, to: index) }
  }

  /// The elements' memory, with room for `count`; it doubles when it is full.
  private func reserve(_ index: Int, count: Int, stride: Int) -> UnsafeMutableRawPointer {
    let slot = storage(field(index))
    let old = slot.load(as: UnsafeMutableRawPointer?.self)
    let used = self.count(of: index) * stride
    if let old, Arena.size(at: old) >= count * stride { return old }
    let fresh = arena.allocateSized(max(count, 2 * self.count(of: index), 2) * stride)
    if let old { fresh.copyMemory(from: old, byteCount: used) }
    slot.storeBytes(of: fresh, as: UnsafeMutableRawPointer.self)
    return fresh
  }

  /// Moves the last element of a list of messages to `position`.
  func moveLast(of index: Int, to position: Int) {
    let elements = storage(field(index)).load(as: UnsafeMutableRawPointer.self)
    let pointers = elements.assumingMemoryBound(to: UnsafeMutableRawPointer.self)
    let last = count(of: index) - 1
    let moved = pointers[last]
    var place = last
    while place > position {
      pointers[place] = pointers[place - 1]
      place -= 1
    }
    pointers[position] = moved
  }
}
