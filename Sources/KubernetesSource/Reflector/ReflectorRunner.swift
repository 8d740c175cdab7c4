// SPDX-License-Identifier: Apache-2.0

import Configuration
import HTTPClient
import KubernetesClient

/// The shell around one ``Reflector``: makes its requests and keeps its time.
struct ReflectorRunner: Sendable {
  /// What is followed.
  let watch: WatchedKind
  /// Reads what the server answers.
  let reader: ObjectReader
  /// How the server is asked.
  let client: KubernetesClient

  /// Runs until the task is cancelled.
  ///
  /// - Parameters:
  ///   - pokes: What happens outside: definitions, relists.
  ///   - report: Told every action that is no request.
  func run(
    pokes: AsyncStream<ReflectorInput>, report: @escaping @Sendable (ReflectorAction) -> Void
  ) async {
    let (inputs, sender) = AsyncStream.makeStream(of: ReflectorInput.self)
    let start = ContinuousClock.now
    sender.yield(.start)
    await withDiscardingTaskGroup { group in
      group.addTask { for await poke in pokes { sender.yield(poke) } }
      var machine = Reflector(watch.settings)
      var slot: RequestSlot?
      var timer: Duration?
      for await input in inputs {
        let moment = Moment(now: ContinuousClock.now - start, chance: .random(in: 0..<1))
        for action in machine.take(input, at: moment) {
          switch action {
          case .cancel: slot?.cancel()
          case .request(let request):
            slot?.cancel()
            let next = RequestSlot()
            slot = next
            group.addTask { await fetch(request, next, sender) }
          default: report(action)
          }
        }
        if let set = timer, set <= moment.now { timer = nil }
        // Ticks that come too early do no harm, so that a timer is never taken back.
        if let deadline = machine.deadline, timer.map({ deadline < $0 }) ?? true {
          timer = deadline
          group.addTask {
            try? await ContinuousClock().sleep(until: start + deadline)
            sender.yield(.tick)
          }
        }
      }
      slot?.cancel()
      group.cancelAll()
    }
  }

  private func fetch(
    _ request: ReflectorRequest, _ slot: RequestSlot,
    _ sender: AsyncStream<ReflectorInput>.Continuation
  ) async {
    let number = request.number
    do {
      var idle: Duration?
      if case .list = request.question { idle = .seconds(30) }
      let exchange = try await client.open(
        watch.path(version: request.version), query: watch.query + request.query,
        accept: watch.accept(request), idleTimeout: idle)
      guard slot.hold(exchange) else { return }
      let head = try await exchange.head()
      if head.status == 401 { await client.renewCredentials() }
      guard head.status == 200 else {
        let body = try await exchange.body(limit: 1 << 20)
        sender.yield(.refused(number, APIRefusal(head, body: body)))
        return
      }
      let isWire = head["content-type"]?.hasPrefix(WireEnvelope.mediaType) ?? false
      switch request.question {
      case .list:
        let body = try await exchange.body()
        sender.yield(.page(number, try isWire ? page(wire: body) : reader.page(body)))
      case .stream, .watch:
        let frames = isWire ? FrameSplitter.counted(.init()) : .lines(.init())
        sender.yield(try await follow(exchange, frames, number, sender))
      }
    } catch let error as UnreadableAnswer {
      sender.yield(.failed(number, error.reason))
    } catch {
      sender.yield(.failed(number, "\(error)"))
    }
  }

  private func page(wire body: [UInt8]) throws(UnreadableAnswer) -> ListPage {
    try body.withUnsafeBufferPointer { (bytes) throws(UnreadableAnswer) in
      try reader.page(wire: UnsafeRawBufferPointer(bytes))
    }
  }

  /// Hands on the frames of a watch; how it ended.
  private func follow(
    _ exchange: HTTPExchange, _ frames: FrameSplitter, _ number: Int,
    _ sender: AsyncStream<ReflectorInput>.Continuation
  ) async throws(HTTPClientError) -> ReflectorInput {
    sender.yield(.opened(number))
    var splitter = frames
    while let piece = try await exchange.next() {
      let events = splitter.feed(piece, to: reader)
      if !events.isEmpty { sender.yield(.events(number, events)) }
    }
    return splitter.isInFrame
      ? .failed(number, "the watch ended within a frame") : .closed(number)
  }
}
