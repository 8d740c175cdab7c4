// SPDX-License-Identifier: Apache-2.0

import Authentication
import DiscoveryProtocol
import EnvoyAPI
import GRPC
import Logging
import MeshModel
import Metrics
import ServiceDiscovery
import Synchronization

/// One stream: the shell around its machine.
///
/// A task reads requests into the mailbox; another takes what is there, asks the machine, and
/// writes what it says. While it writes, pushes gather in the mailbox and become one.
final class ProxyStream: Sendable {
  /// What both of its tasks share.
  struct State {
    var machine: StreamMachine
    var node: ProxyNode?
    var snapshot: MeshSnapshot?
    /// What the proxy should have at the snapshot.
    var view: (any ResourceView)?
    var refusedWith: Set<String> = []
    var watchesSecrets = false
    /// Whether it was told of that the proxy may not read any.
    var isToldOfSecrets = false
    /// The certificate of a workload whose proxy has no agent.
    var secrets: StreamSecrets?
    /// Why it could not be renewed; empty where it could.
    var secretsProblem = ""
    /// How many questions of operators' tools were answered.
    var answers = 0
    /// Since when a response is being written; nil while none is.
    var writingSince: ContinuousClock.Instant?
    /// The types whose silence was told of.
    var silent: Set<ResourceType> = []
  }

  let number: Int
  let peer: String
  let mailbox: Mailbox
  let server: DiscoveryServer
  private let face: StreamMachine.Face
  let caller: Caller?
  private let connectedAt: Double
  private let noncePrefix: String
  let state: Mutex<State>

  init(
    _ server: DiscoveryServer, number: Int, peer: String, face: StreamMachine.Face,
    caller: Caller?
  ) {
    self.server = server
    mailbox = Mailbox(server.alarms)
    self.number = number
    self.peer = peer
    self.face = face
    self.caller = caller
    connectedAt = server.configuration.wallClock()
    // Nonces of another stream, of another process too, are told apart by this.
    noncePrefix = "\(String(UInt64(connectedAt * 1000), radix: 36))-\(number)-"
    state = Mutex(
      State(
        machine: StreamMachine(
          face: face, noncePrefix: noncePrefix, policy: server.configuration.policy,
          limits: server.configuration.limits, names: server.names)))
  }

  /// The node's id; nil before the first request.
  var nodeID: String? { state.withLock { $0.node?.id } }

  /// The stream's name, its proxy, and the peer's address; nil before the first request.
  var proxy: (id: String, node: ProxyNode, peer: String)? {
    state.withLock { state in state.node.map { (id(of: $0), $0, peer) } }
  }

  /// How the stream stands; nil before its first request.
  var status: ConnectionStatus? {
    state.withLock { state in
      guard let node = state.node else { return nil }
      return ConnectionStatus(
        id: id(of: node), node: node, peer: peer, connectedAt: connectedAt, face: face,
        types: state.machine.status, generation: state.snapshot?.generation ?? 0,
        applied: state.machine.applied)
    }
  }

  func id(of node: ProxyNode) -> String { "\(node.shortID)-\(number)" }

  // MARK: Tasks

  /// Runs until either side ends the stream.
  func run(_ call: GRPCServerStream) async -> GRPCStatus {
    await withTaskGroup(of: GRPCStatus.self) { group in
      group.addTask { await self.read(call) }
      group.addTask { await self.drive(call) }
      group.addTask { await self.watch() }
      let status = await group.next() ?? .ok
      group.cancelAll()
      return status
    }
  }

  /// Reads requests until the client is done or says what it must not.
  private func read(_ call: GRPCServerStream) async -> GRPCStatus {
    do throws(GRPCStatus) {
      var requests = call.requests.makeAsyncIterator()
      while let message = try await next(&requests) {
        let decoded = try face.decode(message)
        server.metrics.xds.largestRequest.raise(to: Double(decoded.size))
        if state.withLock({ $0.node == nil }) { try open(decoded) }
        await mailbox.put(decoded.request)
      }
      return .ok
    } catch {
      return error
    }
  }

  private func next(
    _ requests: inout GRPCRequestSequence.AsyncIterator
  ) async throws(GRPCStatus) -> GRPCMessage? {
    do throws(GRPCStatus) {
      return try await requests.next()
    } catch {
      if error.code == .resourceExhausted { server.metrics.xds.countExceeded("message_size") }
      throw error
    }
  }

  /// Takes what comes next, asks the machine, and does what it says.
  private func drive(_ call: GRPCServerStream) async -> GRPCStatus {
    var timers = StreamTimers(auditInterval: server.configuration.auditInterval)
    while !Task.isCancelled {
      let contents = mailbox.contents
      guard !contents.isEmpty || timers.isDue else {
        await mailbox.wait(until: timers.next)
        continue
      }
      // Who may read secrets is asked of others, and so before the turn.
      let isReviewDue = timers.takeReview()
      let reviewed =
        contents.isEmpty && !isReviewDue
        ? [] : await reviewSecrets(isAskedFor: contents.asksForSecrets, &timers)
      await server.turns.take(number, urgency(ofEndpoints: contents.hasEndpoints))
      let began = ContinuousClock.now
      let work = work(&timers)
      server.turns.give()
      guard let actions = work else {
        return GRPCStatus(.unavailable, "The control plane is shutting down.")
      }
      for action in reviewed + actions {
        switch action {
        case .setDeadline(let deadline, let delay): timers.set(deadline, after: delay)
        case .send(let response):
          let isSent = await send(
            response, call, since: began, isOfEndpoints: contents.hasEndpoints)
          guard isSent else { return GRPCStatus(.cancelled) }
        case .record(let record): note(record)
        case .closeWithError(let error):
          if let limit = error.limit { server.metrics.xds.countExceeded(limit.rawValue) }
          return GRPCStatus(GRPCStatus.Code(error.code), error.message)
        }
      }
    }
    return GRPCStatus(.cancelled)
  }

  private func urgency(ofEndpoints: Bool) -> Turns.Urgency {
    if ofEndpoints { return .endpoints }
    let answered = state.withLock { $0.machine.answeredTypes }
    if answered == 0 { return .first }
    return mailbox.hasRequests ? .underWay(answered: answered) : .configuration
  }

  /// Does what comes next, all of it without waiting; nil where the stream is to end.
  private func work(_ timers: inout StreamTimers) -> [StreamAction]? {
    switch mailbox.take() {
    case .end: return nil
    case .request(let request): return handle(request)
    case .push(let push):
      if state.withLock({ $0.secrets != nil }) { timers.watchSecrets() }
      return handle(push)
    case .nothing:
      return switch timers.takeDue() {
      case .deadline(let deadline)?: handle(.deadline(deadline))
      case .audit?: audit()
      case .secrets?: renewSecrets()
      case .review?, nil: []
      }
    }
  }

  /// Returns when the client has said nothing for longer than it may, or has had a response on its way
  /// for longer than it may take to read it.
  private func watch() async -> GRPCStatus {
    let began = ContinuousClock.now
    while true {
      let (isOpen, since) = state.withLock { ($0.node != nil, $0.writingSince) }
      let speaking = isOpen ? nil : server.configuration.firstRequestTimeout
      if let speaking, began + speaking <= .now {
        server.metrics.xds.countExceeded("first_request")
        return GRPCStatus(.deadlineExceeded, "The client has not sent a request for \(speaking).")
      }
      let reading = server.configuration.writeTimeout
      if let reading, let since, since + reading <= .now {
        server.metrics.xds.writeTimeouts.increment()
        return GRPCStatus(
          .deadlineExceeded, "The client has not read a response for \(reading).")
      }
      let next = [speaking.map { began + $0 }, reading.map { (since ?? .now) + $0 }]
        .compactMap(\.self).min()
      let rest = next ?? .now + .seconds(3600)
      guard (try? await ContinuousClock().sleep(until: rest)) != nil else {
        return GRPCStatus(.cancelled)
      }
    }
  }

  // MARK: The machine

  private func handle(_ request: StreamRequest) -> [StreamAction] {
    guard let question = request.question else { return handle(request.event) }
    let refusal = handle(.question(question))
    // Who acknowledges an answer asks nothing.
    guard refusal.isEmpty, !question.isAnswer else { return refusal }
    let (nonce, namespace) = state.withLock { state in
      state.answers += 1
      return ("\(noncePrefix)debug-\(state.answers)", state.node?.identity?.namespace)
    }
    do throws(DebugRefusal) {
      let answer = try server.debug(
        DebugQuestion(type: question.type, names: question.names, namespace: namespace))
      return [.send(request.response(type: question.type, nonce: nonce, answer))]
    } catch {
      return [.closeWithError(StreamError(error))]
    }
  }

  private func handle(_ event: StreamEvent) -> [StreamAction] {
    state.withLock { $0.machine.handle(event, at: ContinuousClock.now - server.started) }
  }

  func handle(_ push: PendingPush) -> [StreamAction] {
    let (known, earlier) = state.withLock { ($0.node, $0.view) }
    guard let node = known else { return [] }
    let scope = push.scope.seen(from: node.addresses)
    let base = server.configuration.view(
      push.snapshot, node, scope.configuration ? nil : earlier)
    let view = withSecrets(base)
    server.metrics.push.queueTime.observe(ContinuousClock.now - push.origin)
    return state.withLock { state in
      state.snapshot = push.snapshot
      state.view = base
      let event = StreamEvent.push(
        view, scope: scope, origin: push.origin - server.started,
        generation: push.snapshot.generation)
      return state.machine.handle(event, at: ContinuousClock.now - server.started)
    }
  }

  /// Compares what the client has with what it should have, made anew and not kept.
  private func audit() -> [StreamAction] {
    let (node, snapshot) = state.withLock { ($0.node, $0.snapshot) }
    guard let node, let snapshot else { return [] }
    return handle(.audit(withSecrets(server.configuration.view(snapshot, node, nil))))
  }

  /// What the proxy should have, with the secrets of its stream.
  private func withSecrets(_ base: any ResourceView) -> any ResourceView {
    guard let secrets = state.withLock({ $0.secrets?.resources }) else { return base }
    return ViewWithSecrets(base: base, secrets: secrets)
  }

  /// Pushes a new certificate, or new roots, where it is time; ends the stream where its client has to
  /// prove anew who it is.
  private func renewSecrets() -> [StreamAction] {
    let now = Int64(server.configuration.wallClock())
    let (snapshot, problem, hasEnded) = state.withLock { state -> (MeshSnapshot?, String?, Bool) in
      guard var secrets = state.secrets else { return (nil, nil, false) }
      do {
        guard try secrets.refresh(now: now) else { return (nil, nil, false) }
        state.secrets = secrets
        state.secretsProblem = ""
        return (state.snapshot, nil, false)
      } catch is ProofEnded {
        return (nil, nil, true)
      } catch {
        defer { state.secretsProblem = "\(error)" }
        return (nil, state.secretsProblem == "\(error)" ? nil : "\(error)", false)
      }
    }
    if hasEnded {
      return [
        .closeWithError(
          StreamError(
            .unauthenticated,
            "What the stream has proved its identity by has ended, so that its certificate is not "
              + "renewed: connect with a new token or certificate."))
      ]
    }
    if let problem { server.log.error("ADS: a certificate stays as it was: \(problem)") }
    guard let snapshot else { return [] }
    return handle(PendingPush(snapshot: snapshot, scope: .everything, origin: .now))
  }

  /// From when on a client that does not read a response is told of as it ends.
  private static let slowness = Duration.seconds(5)

  /// Says that the stream has ended.
  func didEnd(_ status: GRPCStatus) {
    let (node, refusals, since) = state.withLock { ($0.node, $0.refusedWith, $0.writingSince) }
    if [.internal, .unknown, .dataLoss].contains(status.code) {
      server.metrics.xds.internalErrors.increment()
    }
    guard let node else {
      if !status.isOK, status.code != .cancelled {
        server.log.warn("ADS: \"\(peer)\" refused: \(status.message)")
      }
      return
    }
    server.metrics.xds.clients.add(-1, [node.versionLabel])
    server.metrics.xds.forgetRejects(node: node.shortID, errors: Array(refusals))
    let why = status.isOK || status.code == .cancelled ? "" : " with \(status)"
    let words = "ADS: \"\(peer)\" \(id(of: node)) terminated\(why)"
    // Who does not read may miss gRPC's pings too, and lose its connection by that.
    if let unread = since.map({ ContinuousClock.now - $0 }), unread > Self.slowness {
      server.log.warn("\(words), and had not read a response for \(unread)")
    } else {
      server.log.info("\(words)")
    }
  }

  // MARK: Out

  /// Writes a response, which may be of nothing but changed endpoints; false where the client is gone.
  private func send(
    _ response: StreamResponse, _ call: GRPCServerStream, since began: ContinuousClock.Instant,
    isOfEndpoints: Bool
  ) async -> Bool {
    let generated = ContinuousClock.now
    let message = GRPCMessage(
      response.encoded(
        controlPlane: server.configuration.controlPlane, chunks: server.chunks))
    let type = response.type.shortName
    state.withLock { $0.writingSince = generated }
    do throws(GRPCStatus) {
      try await call.write(message)
    } catch {
      server.metrics.xds.pushes.increment(["\(type)_senderr"])
      return false
    }
    state.withLock { $0.writingSince = nil }
    let xds = server.metrics.xds
    xds.pushes.increment([type])
    xds.sendTime.observe(ContinuousClock.now - generated)
    xds.pushTime.observe(ContinuousClock.now - began, [type])
    xds.configSize.observe(Double(message.count), [response.type.url])
    logPush(response, size: message.count, isOfEndpoints: isOfEndpoints)
    return true
  }

  private func logPush(_ response: StreamResponse, size: Int, isOfEndpoints: Bool) {
    let node = state.withLock { $0.node?.shortID ?? "" }
    let type = response.type.shortName.uppercased()
    // As istiod has it: what endpoints alone cause is told to developers.
    server.log.log(
      isOfEndpoints ? .debug : .info,
      "\(type): PUSH for node:\(node) resources:\(response.resources.count) "
        + "removed:\(response.removed.count) size:\(byteCount(size))")
  }
}
