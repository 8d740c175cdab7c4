// SPDX-License-Identifier: Apache-2.0

import Cryptography
import DiscoveryProtocol
import EnvoyAPI
import GRPC
import Synchronization

/// SDS for the Envoy beside the agent: each stream gets every change of the secrets that it asks for.
final class SecretServer: Sendable {
  private struct State {
    var view = SecretView()
    var streams: [Int: AsyncStream<SecretStream.Item>.Continuation] = [:]
    var count = 0
  }

  private let state: Mutex<State>

  /// A server of the authority's certificate, and of one that is mounted in its place.
  init(mounted: CertificateFiles? = nil) {
    var first = State()
    first.view.mounted = mounted
    state = Mutex(first)
  }

  /// The methods to register with a gRPC server.
  var methods: [GRPCMethod] {
    let service = "/envoy.service.secret.v3.SecretDiscoveryService/"
    return [
      GRPCMethod(path: service + "StreamSecrets") { [self] in await serve($0, .sotw) },
      GRPCMethod(path: service + "DeltaSecrets") { [self] in await serve($0, .delta) },
    ]
  }

  /// Whether there is a certificate to serve.
  var hasIdentity: Bool { view.pair != nil }

  /// What is served now.
  var view: SecretView { state.withLock { $0.view } }

  /// Trusts further roots from now on, in PEM.
  func trust(_ roots: [String]) {
    push { $0.view.furtherRoots = roots }
  }

  /// Serves another certificate from now on.
  func set(_ identity: WorkloadIdentity) {
    push { $0.view.identity = identity }
  }

  /// Trusts the roots of a proxy configuration (`istio.mesh.v1alpha1.ProxyConfig`) from now on.
  ///
  /// - Throws: `WireError`, or `CryptographyError` where a root is none: what was trusted stays.
  func trust(message: [UInt8]) throws {
    let roots = try message.withUnsafeBytes { buffer throws(WireError) in
      try Arena.scope { arena throws(WireError) in
        Array(try Envoy.AgentConfig(unpacking: buffer, in: arena).caCertificatesPem)
      }
    }
    for root in roots { _ = try Certificate.list(pem: Array(root.utf8)) }
    trust(roots)
  }

  /// Looks at mounted files again.
  func refresh() { push { _ in } }

  private func push(_ change: (inout sending State) -> Void) {
    state.withLock { state in
      change(&state)
      for stream in state.streams.values { stream.yield(.push(state.view)) }
    }
  }

  private func serve(_ call: GRPCServerStream, _ face: StreamMachine.Face) async -> GRPCStatus {
    let (items, sender) = AsyncStream.makeStream(of: SecretStream.Item.self)
    let number = state.withLock { state in
      state.count += 1
      state.streams[state.count] = sender
      sender.yield(.push(state.view))
      return state.count
    }
    defer { state.withLock { _ = $0.streams.removeValue(forKey: number) } }
    let stream = SecretStream(face, number: number, sender)
    return await stream.run(call, items)
  }
}

/// One stream: the shell around its machine.
private struct SecretStream: Sendable {
  /// What comes to the machine.
  enum Item: Sendable {
    case request(StreamEvent)
    case push(SecretView)
    /// A deadline that was set as the so-and-so-many-th.
    case deadline(StreamDeadline, Int)
    case end(GRPCStatus)
  }

  private let face: StreamMachine.Face
  private let number: Int
  private let sender: AsyncStream<Item>.Continuation
  private let started = ContinuousClock.now

  init(_ face: StreamMachine.Face, number: Int, _ sender: AsyncStream<Item>.Continuation) {
    self.face = face
    self.number = number
    self.sender = sender
  }

  func run(_ call: GRPCServerStream, _ items: AsyncStream<Item>) async -> GRPCStatus {
    await withTaskGroup(of: GRPCStatus?.self) { group in
      group.addTask {
        await read(call)
        return nil
      }
      var machine = StreamMachine(
        face: face, noncePrefix: "\(number)-", policy: StreamPolicy(), limits: StreamLimits())
      var deadlines: [StreamDeadline: Int] = [:]
      var status = GRPCStatus.ok
      loop: for await item in items {
        guard let event = event(item, deadlines) else {
          if case .end(let ended) = item {
            status = ended
            break loop
          }
          continue
        }
        for action in machine.handle(event, at: ContinuousClock.now - started) {
          switch action {
          case .send(let response):
            guard await send(response, call) else { break loop }
          case .setDeadline(let deadline, let delay):
            let count = (deadlines[deadline] ?? 0) + 1
            deadlines[deadline] = count
            group.addTask {
              try? await ContinuousClock().sleep(for: delay)
              sender.yield(.deadline(deadline, count))
              return nil
            }
          case .closeWithError(let error):
            status = GRPCStatus(
              error.code == .invalidArgument ? .invalidArgument : .resourceExhausted, error.message)
            break loop
          case .record: break
          }
        }
      }
      group.cancelAll()
      return status
    }
  }

  private func event(_ item: Item, _ deadlines: [StreamDeadline: Int]) -> StreamEvent? {
    switch item {
    case .request(let event): event
    case .push(let view):
      .push(view, scope: .everything, origin: ContinuousClock.now - started)
    case .deadline(let deadline, let count) where deadlines[deadline] == count:
      .deadline(deadline)
    case .deadline, .end: nil
    }
  }

  private func read(_ call: GRPCServerStream) async {
    do throws(GRPCStatus) {
      var requests = call.requests.makeAsyncIterator()
      while let message = try await requests.next() {
        sender.yield(.request(try face.event(message)))
      }
      sender.yield(.end(.ok))
    } catch {
      sender.yield(.end(error))
    }
  }

  private func send(_ response: StreamResponse, _ call: GRPCServerStream) async -> Bool {
    do throws(GRPCStatus) {
      try await call.write(GRPCMessage(response.encoded(controlPlane: "navarch-agent")))
      return true
    } catch {
      return false
    }
  }
}

extension StreamMachine.Face {
  /// A request of this face as its machine takes it.
  fileprivate func event(_ message: GRPCMessage) throws(GRPCStatus) -> StreamEvent {
    let bytes = message.array
    do {
      return try bytes.withUnsafeBytes { buffer throws(WireError) in
        try Arena.scope { arena throws(WireError) in
          switch self {
          case .sotw: .sotw(SotWRequest(try .init(unpacking: buffer, in: arena)))
          case .delta: .delta(DeltaRequest(try .init(unpacking: buffer, in: arena)))
          }
        }
      }
    } catch {
      throw GRPCStatus(.invalidArgument, "The request cannot be read: \(error)")
    }
  }
}
