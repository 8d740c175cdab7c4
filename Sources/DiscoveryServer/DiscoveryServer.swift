// SPDX-License-Identifier: Apache-2.0

public import Authentication
public import DiscoveryProtocol
public import EnvoyAPI
public import GRPC
public import Logging
public import MeshModel
public import Metrics
import Synchronization

/// What a discovery server needs from its composer.
public struct DiscoveryServerConfiguration: Sendable {
  /// What a proxy should have at a snapshot; called by any stream's task.
  ///
  /// It is given the view that the proxy had before, where nothing differs but endpoints of other
  /// workloads.
  public var view: @Sendable (MeshSnapshot, ProxyNode, (any ResourceView)?) -> any ResourceView
  /// The text of `control_plane.identifier` in responses.
  public var controlPlane: String
  /// How long streams wait for their clients.
  public var policy = StreamPolicy()
  /// What clients may ask for.
  public var limits = StreamLimits()
  /// How long a client may take to read a response; nil for ever.
  public var writeTimeout: Duration? = .seconds(300)
  /// How long a client may take for the first request of a stream; nil for ever.
  public var firstRequestTimeout: Duration? = .seconds(60)
  /// How many streams one connection may have, and one proxy over all connections.
  public var streamLimits: (connection: Int, proxy: Int) = (1000, 100)
  /// How many streams compute at a time.
  public var places = 4
  /// How often each stream's client is compared with what it should have; nil for never.
  public var auditInterval: Duration?
  /// Whether a node that has proved who it is may only claim what its identity has.
  public var checksNodes = true
  /// Whether a proxy may read the secrets of its namespace; nil where all may.
  ///
  /// Asked before it is given any, and before each push from then on. Where there is no answer (nil) it
  /// stays as it was, at first without.
  public var mayReadSecrets: (@Sendable (VerifiedIdentity) async -> Bool?)?
  /// How often that is asked again for a proxy that may not; without an answer after some seconds.
  public var secretReviewInterval = Duration.seconds(61)
  /// The objects that made a resource of a proxy, in words; asked when a proxy refuses it.
  public var origins: @Sendable (MeshSnapshot, ProxyNode, ResourceType, String) -> [String] = {
    _, _, _, _ in []
  }
  /// The time of day in seconds since 1970, for pages and records.
  public var wallClock: @Sendable () -> Double

  /// A configuration with the default times and limits.
  public init(
    controlPlane: String, wallClock: @escaping @Sendable () -> Double,
    view: @escaping @Sendable (MeshSnapshot, ProxyNode, (any ResourceView)?) -> any ResourceView
  ) {
    self.controlPlane = controlPlane
    self.wallClock = wallClock
    self.view = view
  }
}

/// ADS over gRPC: streams of proxies, each a state machine in a thin shell, and what is pushed to
/// all of them.
///
/// Snapshots are pushed in order by one task. A stream that opens before the first one waits.
public final class DiscoveryServer: Sendable {
  private struct State {
    var current: MeshSnapshot?
    var streams: [Int: ProxyStream] = [:]
    var streamCount = 0
    /// How many streams each connection and each proxy has, by peer and by node id.
    var perConnection: [String: Int] = [:]
    var perProxy: [String: Int] = [:]
    var pushes: [PushRecord] = []
    var refusals: [NackRecord] = []
    /// When the last stream ends, once the server shuts down.
    var endsAt: ContinuousClock.Instant?
    var secrets: WorkloadSecretSource?
    var debug: DebugAnswering = { _ throws(DebugRefusal) in [] }
  }

  /// Answers a question of an operator's tool.
  public typealias DebugAnswering =
    @Sendable (DebugQuestion) throws(DebugRefusal) -> [EncodedResource]

  let configuration: DiscoveryServerConfiguration
  let metrics: IstiodMetrics
  let log: Logger
  let turns: Turns
  /// What wakes streams at their deadlines.
  let alarms = Alarms()
  /// Where the streams' clock stands at zero.
  let started = ContinuousClock.now
  /// The same moment in seconds since 1970.
  public let clockStart: Double
  /// What streams subscribe to.
  let names = ResourceNamesTable()
  /// What responses on their way share.
  let chunks = ResponseChunks()
  private let state = Mutex(State())

  /// How many pushes and refusals are remembered.
  private static let recordLimit = 200

  /// A server without streams and without anything to serve.
  public init(
    _ configuration: DiscoveryServerConfiguration, metrics: IstiodMetrics, log: LogSystem
  ) {
    self.configuration = configuration
    turns = Turns(places: configuration.places)
    clockStart = configuration.wallClock()
    self.metrics = metrics
    self.log = log.scope("ads", "ads debugging")
  }

  /// Wakes streams at their deadlines, until the task is cancelled; to be run while there are any, by
  /// one task or more.
  public func run() async { await alarms.run() }

  /// The methods to register with a gRPC server.
  ///
  /// - Parameter callers: How callers prove who they are, without which they are refused; nil on a
  ///   port where nobody is asked, and nobody is given secrets.
  public func methods(authenticating callers: AuthenticatorChain? = nil) -> [GRPCMethod] {
    let service = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
    return [
      GRPCMethod(path: service + "StreamAggregatedResources") { [self] in
        await serve($0, .sotw, callers)
      },
      GRPCMethod(path: service + "DeltaAggregatedResources") { [self] in
        await serve($0, .delta, callers)
      },
    ]
  }

  /// Hands a snapshot to all streams; to be called by one task, in the order of snapshots.
  public func push(
    _ snapshot: MeshSnapshot, scope: PushScope, origin: ContinuousClock.Instant, changes: Int
  ) {
    let now = configuration.wallClock()
    let waited = ContinuousClock.now - origin
    let streams = state.withLock { state in
      state.current = snapshot
      state.pushes.append(
        PushRecord(
          generation: snapshot.generation, at: now, scope: scope, changes: changes,
          waited: waited, connections: state.streams.count))
      state.pushes = state.pushes.suffix(DiscoveryServer.recordLimit)
      return Array(state.streams.values)
    }
    let push = PendingPush(snapshot: snapshot, scope: scope, origin: origin)
    for stream in streams {
      stream.mailbox.put(push)
      if !scope.configuration { turns.hasten(stream.number) }
    }
  }

  /// Ends every stream with UNAVAILABLE, one after another within a time, so that their clients do
  /// not all go elsewhere at once; those that come now end at once.
  ///
  /// Returns when the last one ends.
  @discardableResult
  public func shutDown(within time: Duration = .zero) -> ContinuousClock.Instant {
    let (streams, last) = state.withLock { state in
      if let known = state.endsAt { return ([ProxyStream](), known) }
      let streams = state.streams.values.shuffled()
      let last = ContinuousClock.now + min(time, Self.longestPause * streams.count)
      state.endsAt = last
      return (streams, last)
    }
    let left = last - .now
    for (index, stream) in streams.enumerated() {
      stream.mailbox.end(at: .now + left * (Double(index) / Double(streams.count)))
    }
    return last
  }

  /// The longest pause between the ends of two streams.
  private static let longestPause = Duration.milliseconds(50)

  /// Has the questions of operators' tools answered; before that there is no answer to any.
  public func answerQuestions(_ answer: @escaping DebugAnswering) {
    state.withLock { $0.debug = answer }
  }

  var debug: DebugAnswering { state.withLock { $0.debug } }

  /// Gives proxies that have no agent, and ask for it, certificates for keys of their streams.
  public func offerSecrets(from source: WorkloadSecretSource) {
    state.withLock { $0.secrets = source }
  }

  var secrets: WorkloadSecretSource? { state.withLock { $0.secrets } }

  // MARK: What pages read

  /// The snapshot that is served.
  public var snapshot: MeshSnapshot? { state.withLock { $0.current } }

  /// How many streams are open.
  public var connectionCount: Int { state.withLock { $0.streams.count } }

  /// How each stream stands, in the order of opening; those that said nothing yet are left out.
  public func connections() -> [ConnectionStatus] { orderedStreams.compactMap(\.status) }

  /// Who is connected, in the order of opening: each stream's name, its proxy, and the peer's address as
  /// gRPC writes it.
  ///
  /// Unlike ``connections()`` it costs little: it does not tell what each has.
  public func proxies() -> [(id: String, node: ProxyNode, peer: String)] {
    orderedStreams.compactMap(\.proxy)
  }

  private var orderedStreams: [ProxyStream] {
    state.withLock { $0.streams.sorted { $0.key < $1.key }.map(\.value) }
  }

  /// The latest pushes, the newest last.
  public var pushes: [PushRecord] { state.withLock { $0.pushes } }

  /// The latest refusals, the newest last.
  public var refusals: [NackRecord] { state.withLock { $0.refusals } }

  // MARK: Streams

  private func serve(
    _ call: GRPCServerStream, _ face: StreamMachine.Face, _ callers: AuthenticatorChain?
  ) async -> GRPCStatus {
    let caller: Caller?
    do throws(AuthenticationFailure) {
      caller = try await callers?.authenticate(call.credentials)
    } catch {
      log.warn("ADS: \"\(call.peer)\" is not believed: \(error)")
      return GRPCStatus(error.isTemporary ? .unavailable : .unauthenticated, "\(error)")
    }
    let number = state.withLock { state -> Int? in
      let streams = state.perConnection[call.peer, default: 0] + 1
      guard streams <= configuration.streamLimits.connection else { return nil }
      state.perConnection[call.peer] = streams
      state.streamCount += 1
      return state.streamCount
    }
    guard let number else { return tooMany("connection", call.peer) }
    let stream = ProxyStream(self, number: number, peer: call.peer, face: face, caller: caller)
    let status = await stream.run(call)
    forget(stream)
    stream.didEnd(status)
    return status
  }

  private func forget(_ stream: ProxyStream) {
    let node = stream.nodeID
    state.withLock { state in
      state.streams[stream.number] = nil
      state.perConnection.takeOne(stream.peer)
      if let node { state.perProxy.takeOne(node) }
    }
  }

  private func tooMany(_ what: String, _ name: String) -> GRPCStatus {
    metrics.xds.countExceeded("streams")
    let limits = configuration.streamLimits
    let limit = what == "connection" ? limits.connection : limits.proxy
    let sentence = "The \(what) \(name) has \(limit) streams; more are not allowed."
    log.warn("ADS: \(sentence)")
    return GRPCStatus(.resourceExhausted, sentence)
  }

  /// Takes a stream in whose node is known; the snapshot to begin with, if there is one.
  ///
  /// From then on it is given every push.
  ///
  /// - Throws: RESOURCE_EXHAUSTED where the proxy has too many streams.
  func register(_ stream: ProxyStream, as node: String) throws(GRPCStatus) -> MeshSnapshot? {
    let isFull = state.withLock { state in
      guard state.perProxy[node, default: 0] < configuration.streamLimits.proxy else { return true }
      state.perProxy[node, default: 0] += 1
      state.streams[stream.number] = stream
      return false
    }
    if isFull { throw tooMany("proxy", node) }
    let (endsAt, current) = state.withLock { ($0.endsAt, $0.current) }
    if endsAt != nil { stream.mailbox.end(at: .now) }
    return current
  }

  /// Remembers a refusal.
  func remember(_ refusal: NackRecord) {
    state.withLock { state in
      state.refusals.append(refusal)
      state.refusals = state.refusals.suffix(DiscoveryServer.recordLimit)
    }
  }
}

extension [String: Int] {
  /// One less under a key, which goes with its last.
  fileprivate mutating func takeOne(_ key: String) {
    guard let count = self[key] else { return }
    self[key] = count > 1 ? count - 1 : nil
  }
}
