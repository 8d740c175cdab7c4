// SPDX-License-Identifier: Apache-2.0

import HTTPClient
import Synchronization

/// The one exchange of a request, which may be cancelled before there is one.
final class RequestSlot: Sendable {
  private struct State {
    var exchange: HTTPExchange?
    var isCancelled = false
  }

  private let state = Mutex(State())

  /// Takes the exchange; false where nobody wants it any more.
  func hold(_ exchange: HTTPExchange) -> Bool {
    state.withLock { state in
      if !state.isCancelled { state.exchange = exchange }
      return !state.isCancelled
    }
  }

  /// Ends the exchange, now or when there is one.
  func cancel() {
    let exchange = state.withLock { state in
      state.isCancelled = true
      return state.exchange
    }
    exchange?.cancel()
  }
}
