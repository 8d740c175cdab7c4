// SPDX-License-Identifier: Apache-2.0

import Authentication
import DiscoveryProtocol
import GRPC
import JSON
import Logging
import MeshModel
import Metrics
import ServiceDiscovery
import Synchronization

/// Who is at the other end: the node of the first request, and what it has proved.
extension ProxyStream {
  /// Takes the node of the first request, and the snapshot to begin with.
  func open(_ decoded: DecodedRequest) throws(GRPCStatus) {
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
    warnOfRegistration(node)
    guard let snapshot else { return }
    mailbox.put(PendingPush(snapshot: snapshot, scope: .everything, origin: .now))
  }

  /// Says what a workload of a virtual machine waits for in vain.
  private func warnOfRegistration(_ node: ProxyNode) {
    let group = node.text("AUTO_REGISTER_GROUP")
    guard !group.isEmpty else { return }
    server.log.warn(
      "ADS: \(id(of: node)) asks to be registered by itself as one of WorkloadGroup "
        + "\(node.namespace)/\(group), which is not done: it is served, and others reach it by a "
        + "WorkloadEntry that somebody writes")
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
        of: proved, at: peer, from: source, proofEnd: caller?.end,
        now: Int64(server.configuration.wallClock()))
    } catch {
      throw GRPCStatus(.unavailable, "The authority gives no certificate: \(error)")
    }
  }
}
