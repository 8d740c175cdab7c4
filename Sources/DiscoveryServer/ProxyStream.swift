// SPDX-License-Identifier: Apache-2.0

import Authentication
import DiscoveryProtocol
import EnvoyAPI
import GRPC
import JSON
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
  private struct State {
    var machine: StreamMachine
    var node: ProxyNode?
    var snapshot: MeshSnapshot?
    /// What the proxy should have at the snapshot.
    var view: (any ResourceView)?
    var refusedWith: Set<String> = []
    var watchesSecrets = false
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
  let mailbox = Mailbox()
  let server: DiscoveryServer
  private let face: StreamMachine.Face
  private let caller: Caller?
  private let connectedAt: Double
  private let noncePrefix: String
  private let state: Mutex<State>

  init(
    _ server: DiscoveryServer, number: Int, peer: String, face: StreamMachine.Face,
    caller: Caller?
  ) {
    self.server = server
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

  private func id(of node: ProxyNode) -> String { "\(node.id)-\(number)" }

  // MARK: Tasks

  /// Runs until either side ends the stream.
  func run(_ call: GRPCServerStream) async -> GRPCStatus {
    await withTaskGroup(of: GRPCStatus.self) { group in
      group.addTask { await self.read(call) }
      group.addTask { await self.drive(call) }
      if let limit = server.configuration.writeTimeout {
        group.addTask { await self.watchWrites(limit) }
      }
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
      let reviewed =
        contents.isEmpty ? [] : await reviewSecrets(isAskedFor: contents.asksForSecrets)
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
          guard await send(response, call, since: began) else { return GRPCStatus(.cancelled) }
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
      case nil: []
      }
    }
  }

  /// Returns when a response has been on its way for longer than a client may take to read it.
  private func watchWrites(_ limit: Duration) async -> GRPCStatus {
    while true {
      let since = state.withLock { $0.writingSince }
      let end = (since ?? .now) + limit
      if end <= .now {
        server.metrics.xds.writeTimeouts.increment()
        return GRPCStatus(
          .deadlineExceeded, "The client has not read a response for \(limit).")
      }
      guard (try? await ContinuousClock().sleep(until: end)) != nil else {
        return GRPCStatus(.cancelled)
      }
    }
  }

  // MARK: The machine

  private func handle(_ request: StreamRequest) -> [StreamAction] {
    guard let question = request.debugQuestion else { return handle(request.event) }
    // Who acknowledges an answer asks nothing.
    if question.isAnswer { return [] }
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

  /// Asks whether the proxy may read secrets, once it has asked for any; what is to be done where the
  /// answer is another than before.
  private func reviewSecrets(isAskedFor: Bool) async -> [StreamAction] {
    guard let mayRead = server.configuration.mayReadSecrets else { return [] }
    let (identity, isWatched) = state.withLock { state in
      state.watchesSecrets = state.watchesSecrets || isAskedFor
      return (state.node?.identity, state.watchesSecrets)
    }
    guard isWatched, let identity else { return [] }
    let isAllowed = await mayRead(identity)
    guard isAllowed != identity.mayReadSecrets else { return [] }
    let snapshot = state.withLock { state in
      state.node?.identity?.mayReadSecrets = isAllowed
      return state.snapshot
    }
    guard let snapshot else { return [] }
    return handle(PendingPush(snapshot: snapshot, scope: .everything, origin: .now))
  }

  private func handle(_ event: StreamEvent) -> [StreamAction] {
    state.withLock { $0.machine.handle(event, at: ContinuousClock.now - server.started) }
  }

  private func handle(_ push: PendingPush) -> [StreamAction] {
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

  /// Pushes a new certificate, or new roots, where it is time.
  private func renewSecrets() -> [StreamAction] {
    let now = Int64(server.configuration.wallClock())
    let (snapshot, problem) = state.withLock { state -> (MeshSnapshot?, String?) in
      guard var secrets = state.secrets else { return (nil, nil) }
      do {
        guard try secrets.refresh(now: now) else { return (nil, nil) }
        state.secrets = secrets
        state.secretsProblem = ""
        return (state.snapshot, nil)
      } catch {
        defer { state.secretsProblem = "\(error)" }
        return (nil, state.secretsProblem == "\(error)" ? nil : "\(error)")
      }
    }
    if let problem { server.log.error("ADS: a certificate stays as it was: \(problem)") }
    guard let snapshot else { return [] }
    return handle(PendingPush(snapshot: snapshot, scope: .everything, origin: .now))
  }

  /// Takes the node of the first request, and the snapshot to begin with.
  private func open(_ decoded: DecodedRequest) throws(GRPCStatus) {
    guard let description = decoded.node, !description.id.isEmpty else {
      throw GRPCStatus(.invalidArgument, "The first request of the stream has no node.id.")
    }
    var node = try ProxyNode(description)
    guard node.kind != .waypoint, node.kind != .ztunnel else {
      throw GRPCStatus(
        .unimplemented,
        "\(node.id) is a proxy of the ambient mesh (\(node.kind.rawValue)), which this version does "
          + "not serve: it serves sidecars and gateways.")
    }
    let proved = try provedIdentity(of: node)
    node.identity = proved.map {
      var identity = VerifiedIdentity(
        namespace: $0.namespace, serviceAccount: $0.serviceAccount)
      identity.mayReadSecrets = server.configuration.mayReadSecrets == nil
      return identity
    }
    let secrets = try secrets(of: &node, proved)
    let snapshot = try server.register(self, as: node.id)
    state.withLock { state in (state.node, state.secrets) = (node, secrets) }
    server.metrics.xds.clients.add(1, [node.versionLabel])
    server.log.info("ADS: new connection for node:\(id(of: node))")
    guard let snapshot else { return }
    mailbox.put(PendingPush(snapshot: snapshot, scope: .everything, origin: .now))
  }

  /// Who the node has proved to be: the identity of its caller that has the namespace and service
  /// account which the node claims.
  ///
  /// - Throws: PERMISSION_DENIED where the caller has no such identity.
  private func provedIdentity(of node: ProxyNode) throws(GRPCStatus) -> SpiffeID? {
    guard let caller, server.configuration.checksNodes else { return nil }
    let match = caller.identities.first {
      $0.namespace == node.namespace
        && (node.serviceAccount.isEmpty || $0.serviceAccount == node.serviceAccount)
    }
    guard let match else {
      let names = caller.identities.map(\.description).joined(separator: " ")
      throw GRPCStatus(
        .permissionDenied,
        "authorization failed: no identities ([\(names)]) matched "
          + "\(node.namespace)/\(node.serviceAccount)")
    }
    return match
  }

  /// A certificate for a proxy that has no agent and asks for it; nil for others.
  ///
  /// Where it may have none it is served as one that did not ask.
  private func secrets(
    of node: inout ProxyNode, _ proved: SpiffeID?
  ) throws(GRPCStatus) -> StreamSecrets? {
    guard node.secretSource == .discovery else { return nil }
    guard let source = server.secrets, let proved else {
      let why =
        proved == nil ? "it has not proved who it is" : "--allowAgentlessKeys was not given"
      server.log.warn(
        "ADS: \(id(of: node)) asks for its certificate, which it does not get: \(why)")
      let members = node.metadata.members.filter { $0.key != ProxyNode.secretsKey }
      node.metadata = JSONObject(distinct: members)
      return nil
    }
    do {
      return try StreamSecrets(
        of: proved, at: peer, from: source, now: Int64(server.configuration.wallClock()))
    } catch {
      throw GRPCStatus(.unavailable, "The authority gives no certificate: \(error)")
    }
  }

  /// Says that the stream has ended.
  func didEnd(_ status: GRPCStatus) {
    let (node, refusals) = state.withLock { ($0.node, $0.refusedWith) }
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
    server.log.info("ADS: \"\(peer)\" \(id(of: node)) terminated\(why)")
  }

  // MARK: Out

  /// Writes a response; false where the client is gone.
  private func send(
    _ response: StreamResponse, _ call: GRPCServerStream, since began: ContinuousClock.Instant
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
    logPush(response, size: message.count)
    return true
  }

  private func logPush(_ response: StreamResponse, size: Int) {
    let node = state.withLock { $0.node?.shortID ?? "" }
    let type = response.type.shortName.uppercased()
    server.log.info(
      "\(type): PUSH for node:\(node) resources:\(response.resources.count) "
        + "removed:\(response.removed.count) size:\(byteCount(size))")
  }

  private func note(_ record: StreamRecord) {
    let xds = server.metrics.xds
    switch record {
    case .acked(let answer):
      if let origin = answer.origin {
        server.metrics.push.convergenceTime.observe(answer.answeredAt - origin)
      }
      server.log.debug("ADS:\(answer.type.shortName.uppercased()): ACK \(answer.nonce)")
    case .nacked(let answer, let detail, let names): refused(answer, detail, names)
    case .narrowed(let answer, _, let names):
      server.log.debug(
        "ADS:\(answer.type.shortName.uppercased()): refused again with \(names.count) resources")
    case .repaired(let type, let names):
      server.metrics.xds.repairs.increment([type.shortName])
      server.log.error(
        "\(type.shortName.uppercased()): a proxy did not have what it should, and is sent it: "
          + names.prefix(8).joined(separator: ", "))
    case .staleNonce(let type, let nonce):
      xds.expiredNonces.increment([type.shortName])
      server.log.debug("ADS:\(type.shortName.uppercased()): expired nonce \(nonce)")
    case .silent(let type, let responses): isSilent(type, responses)
    case .gateExpired(let heldBack):
      server.log.info("ADS: \(heldBack) resources no longer wait for clusters to warm")
    case .flowExpired(let type):
      xds.unanswered.increment([type.shortName])
      server.log.debug("ADS:\(type.shortName.uppercased()): no answer in time, sending on")
    }
  }

  /// Tells of a client that answers nothing, once a type.
  private func isSilent(_ type: ResourceType, _ responses: Int) {
    let (isNew, node) = state.withLock { ($0.silent.insert(type).inserted, $0.node) }
    guard isNew, let node else { return }
    server.log.warn(
      "ADS:\(type.shortName.uppercased()): \(id(of: node)) has left \(responses) responses without "
        + "an answer: it is silent, or waits for what it cannot get")
  }

  private func refused(_ answer: Acknowledgement, _ detail: NackDetail, _ names: [String]) {
    guard let node = state.withLock({ $0.node }) else { return }
    let code = GRPCStatus.Code(rawValue: Int(detail.code)) ?? .unknown
    let name = code.goName
    state.withLock { _ = $0.refusedWith.insert(name) }
    server.metrics.xds.countReject(
      type: answer.type.shortName, node: node.shortID, error: name)
    let origins = origins(of: names, answer.type, node, accordingTo: detail.message)
    let made = origins.sorted { $0.key < $1.key }.map { name, objects in
      " \(name) is made by \(objects.joined(separator: ", "))."
    }
    server.log.warn(
      "ADS:\(answer.type.shortName.uppercased()): ACK ERROR \(id(of: node)) "
        + "\(name):\(detail.message)" + made.joined())
    var record = NackRecord(
      connection: id(of: node), node: node.id, type: answer.type.shortName, nonce: answer.nonce,
      version: answer.version, code: detail.code, message: detail.message, names: names,
      at: server.configuration.wallClock())
    record.origins = origins
    server.remember(record)
  }

  /// How many resources of a refused response are traced to their objects, where the proxy does not say
  /// which it means.
  private static let tracedResources = 5

  /// The objects behind the resources that a proxy's words name; behind all where it names none and
  /// they are few.
  private func origins(
    of names: [String], _ type: ResourceType, _ node: ProxyNode, accordingTo message: String
  ) -> [String: [String]] {
    guard let snapshot = server.snapshot else { return [:] }
    var meant = names.filter { !$0.isEmpty && message.contains($0) }
    if meant.isEmpty, names.count <= Self.tracedResources { meant = names }
    let found = meant.prefix(Self.tracedResources).map {
      ($0, server.configuration.origins(snapshot, node, type, $0))
    }
    return Dictionary(found.filter { !$0.1.isEmpty }) { first, _ in first }
  }
}
