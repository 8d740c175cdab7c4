// SPDX-License-Identifier: Apache-2.0

import Bytes
import GRPC
import Synchronization

/// One proxy on a connection of its own: asks as Envoy does, and acknowledges at once.
final class SimulatedProxy: Sendable {
  /// What it has seen since the last mark.
  struct Counts: Sendable {
    var responses = 0
    var resources = 0
    var changed = 0
    var bytes = 0
    var isSynced = false
    /// When its last acknowledgement was handed over, and when it was first synchronised.
    var lastAnswer: ContinuousClock.Instant?
    var synced: ContinuousClock.Instant?
    var error: String?
    /// How many times it came back by itself.
    var returns = 0
  }

  private struct State {
    var proxy: ProxyState
    var counts = Counts()
    var stream: GRPCClientStream?
    var isDisconnected = false
  }

  private let address: String
  private let path: String
  private let comesBack: Bool
  private let state: Mutex<State>
  /// A channel whose threads it shares; nil for threads of its own.
  private let host: GRPCChannel?

  init(_ number: Int, _ options: Options, host: GRPCChannel?) {
    address = options.address
    comesBack = options.comesBack
    path =
      "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
      + (options.isDelta ? "DeltaAggregatedResources" : "StreamAggregatedResources")
    self.host = host
    state = Mutex(
      State(
        proxy: ProxyState(
          isDelta: options.isDelta,
          node: ProxyState.node(number, namespaces: options.namespaces))))
  }

  /// What it has seen since the last mark.
  var counts: Counts { state.withLock { $0.counts } }

  /// Begins to count anew.
  func mark() {
    state.withLock { state in
      let isSynced = state.counts.isSynced
      state.counts = Counts()
      state.counts.isSynced = isSynced
    }
  }

  /// Ends the stream, if there is one.
  func disconnect() {
    state.withLock { state in
      state.isDisconnected = true
      return state.stream
    }?.cancel()
  }

  /// Serves a stream until it ends, and further ones where it comes back, after a pause as Envoy's.
  func run() async {
    state.withLock { $0.isDisconnected = false }
    await serve()
    while comesBack, !state.withLock({ $0.isDisconnected }) {
      let pause = Duration.milliseconds(Int.random(in: 10...500))
      guard (try? await ContinuousClock().sleep(for: pause)) != nil else { return }
      state.withLock { state in
        state.counts.returns += 1
        state.counts.error = nil
      }
      await serve()
    }
  }

  /// Serves one stream until it ends.
  private func serve() async {
    do {
      let channel = try GRPCChannel(address, configuration: .generous, sharingThreadsOf: host)
      let stream = channel.stream(path)
      let first = state.withLock { state in
        state.stream = stream
        state.counts.isSynced = false
        return state.proxy.connect()
      }
      for request in first { try await stream.write(GRPCMessage(request)) }
      var responses = stream.responses.makeAsyncIterator()
      while let message = try await responses.next() {
        let receipt = take(message)
        for request in receipt.requests { try await stream.write(GRPCMessage(request)) }
        answered()
        if !receipt.watched.isEmpty { Watches.all.answered(receipt.watched) }
      }
    } catch {
      state.withLock { $0.counts.error = "\(error)" }
    }
    state.withLock { $0.stream = nil }
  }

  private func take(_ message: GRPCMessage) -> ProxyState.Receipt {
    let slice = message.slices.count == 1 ? message.slices[0] : nil
    return state.withLock { state in
      let receipt =
        if let slice {
          slice.withUnsafeBytes { state.proxy.take($0) }
        } else {
          message.array.withUnsafeBytes { state.proxy.take($0) }
        }
      state.counts.responses += 1
      state.counts.bytes += message.count
      state.counts.resources += receipt?.resources ?? 0
      state.counts.changed += receipt?.changed ?? 0
      return receipt ?? ProxyState.Receipt()
    }
  }

  private func answered() {
    state.withLock { state in
      state.counts.lastAnswer = .now
      if !state.counts.isSynced, state.proxy.isSynced {
        state.counts.isSynced = true
        state.counts.synced = .now
      }
    }
  }
}

extension GRPCChannelConfiguration {
  /// For responses of any size.
  fileprivate static var generous: GRPCChannelConfiguration {
    var configuration = GRPCChannelConfiguration()
    configuration.maxReceiveMessageSize = 1 << 30
    configuration.waitForReady = true
    return configuration
  }
}
