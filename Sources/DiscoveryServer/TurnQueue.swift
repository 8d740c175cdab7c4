// SPDX-License-Identifier: Apache-2.0

/// Who works next where more streams have work than there are processors.
///
/// That is the most urgent, and of equals who came first. Nobody waits while a place is free, and
/// there is no rate.
///
/// Urgency is a time by which the work would be wanted, so that what waits long becomes the most
/// urgent. A value without a clock; each stream asks for one turn at a time.
struct TurnQueue: Sendable {
  private struct Wish: Sendable {
    var due: Duration
    var order: Int
    var stream: Int
  }

  private var free: Int
  private var count = 0
  /// A stream that became more urgent stands in it twice, and counts once.
  private var heap = Heap<Wish> { ($0.due, $0.order) < ($1.due, $1.order) }
  private var waiting: [Int: Duration] = [:]

  /// A queue for this many places, at least one.
  init(places: Int) { free = max(1, places) }

  /// Takes a free place, if there is one.
  mutating func takeFree() -> Bool {
    guard free > 0 else { return false }
    free -= 1
    return true
  }

  /// Asks for a turn; true where it begins at once.
  mutating func ask(_ stream: Int, due: Duration) -> Bool {
    if takeFree() { return true }
    waiting[stream] = due
    push(stream, due)
    return false
  }

  /// What a stream waits for has become more urgent; nothing where it does not wait.
  mutating func hasten(_ stream: Int, due: Duration) {
    guard let before = waiting[stream], due < before else { return }
    waiting[stream] = due
    push(stream, due)
  }

  /// A turn has ended; the stream whose turn begins.
  mutating func give() -> Int? {
    while let wish = heap.pop() {
      guard waiting[wish.stream] == wish.due else { continue }
      waiting[wish.stream] = nil
      return wish.stream
    }
    free += 1
    return nil
  }

  private mutating func push(_ stream: Int, _ due: Duration) {
    count += 1
    heap.push(Wish(due: due, order: count, stream: stream))
  }
}
