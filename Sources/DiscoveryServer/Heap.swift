// SPDX-License-Identifier: Apache-2.0

/// A binary heap: the least element is at hand, in the time that a logarithm takes.
struct Heap<Element> {
  private var elements: [Element] = []
  private let precedes: @Sendable (Element, Element) -> Bool

  /// No elements, to be ordered by `precedes`.
  init(by precedes: @escaping @Sendable (Element, Element) -> Bool) { self.precedes = precedes }

  /// The least element.
  var first: Element? { elements.first }

  /// Puts an element in.
  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, precedes(elements[child], elements[(child - 1) / 2]) {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the least element.
  mutating func pop() -> Element? {
    guard let first = elements.first, let last = elements.popLast() else { return nil }
    guard !elements.isEmpty else { return first }
    elements[0] = last
    var parent = 0
    while true {
      let children = (2 * parent + 1..<2 * parent + 3).filter { $0 < elements.count }
      guard let least = children.min(by: { precedes(elements[$0], elements[$1]) }),
        precedes(elements[least], elements[parent])
      else { return first }
      elements.swapAt(least, parent)
      parent = least
    }
  }
}

extension Heap: Sendable where Element: Sendable {}
