// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import ConfigTranslation
import Cryptography
import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import HTTPServer
import Introspection
import JSON
import Lifecycle
import Logging
import MeshModel

/// `/debug/ca_rotation`: how far a change of the mesh's root is and whom it waits for; `PUT` with
/// `?step=start`, `next`, `abort` or `exclude` (with `&proxy=`) takes a step.
///
/// For callers on this machine only. `navarchctl ca rotate` speaks with it. As a service it keeps in mind
/// who is connected while a change is under way.
struct RotationPage: Service {
  private let identity: MeshIdentity
  private let sources: IntrospectionSources
  /// How long, in seconds, a workload has to put into use what it was given.
  private let settleTime: Int64
  private let attendance: ProxyAttendance
  private let streams: @Sendable () -> [(id: String, node: ProxyNode, peer: String)]
  private let log: Logger

  static let path = "/debug/ca_rotation"

  init(
    _ identity: MeshIdentity, _ sources: IntrospectionSources, _ options: IdentityOptions,
    streams: @escaping @Sendable () -> [(id: String, node: ProxyNode, peer: String)], log: Logger
  ) {
    self.streams = streams
    settleTime = options.rotationSettleTime
    attendance = ProxyAttendance(
      patience: options.rotationReturnTime, start: Int64(WallClock.now()))
    self.identity = identity
    self.sources = sources
    self.log = log
  }

  func register(on router: inout HTTPRouter) {
    for method in [HTTPMethod.get, .put] {
      router.on(method, RotationPage.path) { await respond(to: $0) }
    }
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let (ends, sender) = AsyncStream.makeStream(of: Void.self)
    shutdown.onRequest { sender.finish() }
    await withDiscardingTaskGroup { group in
      group.addTask {
        while (try? await ContinuousClock().sleep(for: .seconds(1))) != nil {
          guard identity.keeper?.current?.rotation != nil else { continue }
          let proxies = streams().compactMap { RotationPage.proxy($0.node, at: $0.peer) }
          attendance.note(proxies, at: Int64(WallClock.now()))
        }
      }
      for await _ in ends {}
      group.cancelAll()
    }
  }

  private func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard request.peer.isLoopback else {
      return .text("\(RotationPage.path) answers only callers on this machine.\n", status: 403)
    }
    guard let keeper = identity.keeper else {
      return .text(
        "The authority is plugged in: change its files, with both roots in root-cert.pem for as "
          + "long as certificates of the old one are about.\n", status: 409)
    }
    do throws(AuthorityError) {
      if request.method == .put { try await take(request, keeper) }
      guard let stored = keeper.current else {
        return .text("The authority is not known yet.\n", status: 503)
      }
      let page = status(stored, keeper)
      let format = request.query("pretty") == nil ? JSONFormat.compact : JSONFormat(indent: 4)
      return HTTPResponse(contentType: "application/json", bytes: page.utf8(format))
    } catch {
      return .text("\(error).\n", status: error.isTemporary ? 503 : 409)
    }
  }

  private func take(
    _ request: HTTPRequest, _ keeper: AuthorityKeeper
  ) async throws(AuthorityError) {
    let now = Int64(WallClock.now())
    let step = request.query("step") ?? ""
    switch step {
    case "start":
      let next = try keeper.makeNext()
      try await keeper.change { stored throws(AuthorityError) in
        try stored.beginRotation(to: next, at: now)
      }
    case "next":
      try await keeper.refresh()
      let proxies = proxies()
      let pause = attendance.secondsUntilComplete(at: now)
      guard pause == 0 else {
        throw AuthorityError(
          "the control plane has just started, and proxies may still come back: \(pause) s more")
      }
      try await keeper.change { stored throws(AuthorityError) in
        guard stored.rotation?.phase == keeper.current?.rotation?.phase else {
          throw AuthorityError("the rotation has moved on meanwhile: look at its status")
        }
        try stored.advanceRotation(among: proxies, at: now)
      }
    case "abort":
      try await keeper.change { stored throws(AuthorityError) in
        try stored.abortRotation(at: now)
      }
    case "exclude":
      guard let proxy = request.query("proxy"), !proxy.isEmpty else {
        throw AuthorityError("Which proxy? Add &proxy=NAME.NAMESPACE")
      }
      try await keeper.change { stored throws(AuthorityError) in
        try stored.excludeFromRotation([proxy])
      }
    default: throw AuthorityError("there is no step \"\(step)\": start, next, abort, exclude")
    }
    log.info("rotation of the root: \(step): now \(RotationPage.phase(keeper.current))")
  }

  // MARK: Who follows

  /// The proxies that are connected to this replica, or were a moment ago.
  private func proxies() -> [ProxyTrust] {
    guard let signer = identity.authority.current else { return [] }
    let bundle = Set(sources.snapshot()?.settings.trustBundle ?? [])
    let isServed = signer.roots.allSatisfy { bundle.contains($0.pem) }
    let connected = connected()
    let away = attendance.note(connected.map(\.proxy), at: Int64(WallClock.now()))
    return connected.map { connection, proxy in
      trust(of: proxy, hasBundle: isServed && hasBundle(connection), signer)
    } + away.map { trust(of: $0, hasBundle: false, signer) }
  }

  private func connected() -> [(status: ConnectionStatus, proxy: ProxyAttendance.Proxy)] {
    sources.connections().compactMap { connection in
      RotationPage.proxy(connection.node, at: connection.peer).map { (connection, $0) }
    }
  }

  /// What a rotation asks of a node; nil of one that is no proxy.
  private static func proxy(_ node: ProxyNode, at peer: String) -> ProxyAttendance.Proxy? {
    guard node.generator != "event" else { return nil }
    let workload = IssuanceLedger.Workload(
      peer: peer, namespace: node.identity?.namespace ?? node.namespace,
      serviceAccount: node.identity?.serviceAccount ?? node.serviceAccount)
    return .init(names: [node.shortID, node.id], workload: workload)
  }

  private func trust(
    of proxy: ProxyAttendance.Proxy, hasBundle: Bool, _ signer: SigningAuthority
  ) -> ProxyTrust {
    let settled = Int64(WallClock.now()) - settleTime
    let latest = identity.ledger.latest(proxy.workload)
    return ProxyTrust(
      names: proxy.names,
      trustsBoth: latest.map {
        $0.roots.isSuperset(of: signer.rootSerials) && $0.rootsSince <= settled
      } == true || hasBundle,
      hasLeafOfSigner: latest.map {
        $0.signer == signer.serial && $0.signerSince <= settled
      } == true)
  }

  /// Whether a proxy has acknowledged the roots that it is served now: over PCDS, or as the secret
  /// that an Envoy without an agent asks for.
  private func hasBundle(_ connection: ConnectionStatus) -> Bool {
    let wanted: [(ResourceType, String, String?)] = [
      (.proxyConfig, "pcds", sources.view(connection.id)?.trustBundle()?.version),
      (.secret, "ROOTCA", sources.resources(connection.id)?.named(.secret, "ROOTCA")?.version),
    ]
    return wanted.contains { type, name, version in
      guard let version, let status = connection.types.first(where: { $0.type == type }) else {
        return false
      }
      return status.resources.contains { $0.name == name && $0.acked == version }
    }
  }

  // MARK: The page

  private static func phase(_ stored: StoredAuthority?) -> String {
    stored?.rotation?.phase.rawValue ?? "none"
  }

  private func status(_ stored: StoredAuthority, _ keeper: AuthorityKeeper) -> JSONValue {
    let proxies = proxies()
    let waiting = stored.rotation?.waiting(among: proxies) ?? []
    let excluded = stored.rotation?.excluded.sorted() ?? []
    let signer = identity.authority.current
    let roots = (signer?.roots ?? []).map { root -> JSONValue in
      [
        "serial": .string(root.serial), "notAfter": .integer(root.notAfter),
        "signs": .bool(root.serial == signer?.serial),
      ]
    }
    var page: [JSONObject.Member] = [
      .init("phase", .string(RotationPage.phase(stored))),
      .init("place", .string(keeper.store.place)),
      .init("roots", .array(roots)),
      .init("proxies", .integer(Int64(proxies.count))),
      .init("waiting", .array(waiting.map { .string($0.names.first ?? "") })),
      .init("excluded", .array(excluded.map { .string($0) })),
      .init("returning", .integer(attendance.secondsUntilComplete(at: Int64(WallClock.now())))),
      .init("finished", .integer(Int64(stored.rotationCount))),
    ]
    if let rotation = stored.rotation {
      page.append(.init("startedAt", .integer(rotation.startedAt)))
      page.append(.init("phaseStartedAt", .integer(rotation.phaseStartedAt)))
    }
    return .object(JSONObject(distinct: page))
  }
}
