// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import GRPC
import Logging
import MeshModel
import Metrics
import Synchronization

/// What the machine records of a stream, as metrics, log lines and refusals.
extension ProxyStream {
  /// Counts and tells what the machine has seen.
  func note(_ record: StreamRecord) {
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
