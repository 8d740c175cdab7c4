// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// An HTTP client with a thread of its own for the network.
///
/// Over TLS it speaks HTTP/2 where the server does, so that all requests to one server share few
/// connections; else HTTP/1.1. Redirects are not followed. Requests end when the client goes.
public final class HTTPClient: Sendable {
  private let loop: ClientLoop
  private let nextID = Atomic<UInt64>(1)

  /// A client.
  ///
  /// - Throws: That there is no memory or no thread.
  public init() throws(HTTPClientError) {
    loop = try ClientLoop()
    try loop.start()
  }

  deinit { loop.post(.stop) }

  /// Begins a request.
  ///
  /// It ends early when the exchange is cancelled or released.
  public func open(_ request: HTTPClientRequest) -> HTTPExchange {
    let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
    let exchange = HTTPExchange(id: id, loop: loop)
    loop.post(.open(request, WeakExchange(exchange), id))
    return exchange
  }
}

/// An exchange that its reader keeps alive, and nobody else.
struct WeakExchange: Sendable {
  weak let exchange: HTTPExchange?

  init(_ exchange: HTTPExchange) { self.exchange = exchange }
}
