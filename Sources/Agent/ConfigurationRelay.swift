// SPDX-License-Identifier: Apache-2.0

import GRPC
import Logging
import Synchronization

/// ADS for the Envoy beside the agent: each stream becomes one to the control plane, by TLS and with
/// the workload's token.
///
/// Where the control plane is away the stream ends, and Envoy goes on with what it has and asks
/// again.
final class ConfigurationRelay: Sendable {
  private let channel: GRPCChannel
  private let options: AgentOptions
  private let log: Logger
  private let connected = Atomic(0)

  /// A relay of an agent's options; it connects when it is first asked.
  init(_ options: AgentOptions, log: Logger) throws {
    channel = try ControlPlaneConnection.channel(options.discoveryAddress, options)
    self.options = options
    self.log = log
  }

  /// Whether a stream has been answered by the control plane.
  var isConnected: Bool { connected.load(ordering: .relaxed) > 0 }

  /// The methods to register with a gRPC server.
  var methods: [GRPCMethod] {
    let service = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
    return ["StreamAggregatedResources", "DeltaAggregatedResources"].map { name in
      GRPCMethod(path: service + name) { [self] in await relay($0, service + name) }
    }
  }

  private func relay(_ call: GRPCServerStream, _ path: String) async -> GRPCStatus {
    let proof: GRPCMetadata
    do {
      proof = try ControlPlaneConnection.proof(options)
    } catch {
      log.error("there is no token to prove who the workload is: \(error)")
      return GRPCStatus(.unavailable, "the agent has no token")
    }
    let upstream = channel.stream(path, metadata: proof, deadline: nil)
    log.info("connecting to \(options.discoveryAddress)")
    return await withTaskGroup(of: GRPCStatus?.self) { group in
      group.addTask { await self.forward(call, upstream) }
      group.addTask { await self.answer(call, upstream) }
      var status: GRPCStatus?
      while status == nil, let ended = await group.next() { status = ended }
      group.cancelAll()
      upstream.cancel()
      if let status, !status.isOK, status.code != .cancelled {
        log.warn("the stream to \(options.discoveryAddress) ended: \(status)")
      }
      return status ?? .ok
    }
  }

  /// Takes requests upstream; nil once Envoy has no more to say.
  private func forward(
    _ call: GRPCServerStream, _ upstream: GRPCClientStream
  ) async -> GRPCStatus? {
    do throws(GRPCStatus) {
      var requests = call.requests.makeAsyncIterator()
      while let message = try await requests.next() { try await upstream.write(message) }
      try await upstream.finishWriting()
      return nil
    } catch {
      // The reason why the control plane ends a stream is told to who reads its answers.
      return error.code == .cancelled ? nil : error
    }
  }

  /// Takes answers downstream, until the control plane ends the stream.
  private func answer(
    _ call: GRPCServerStream, _ upstream: GRPCClientStream
  ) async -> GRPCStatus? {
    var isCounted = false
    defer { if isCounted { connected.subtract(1, ordering: .relaxed) } }
    do throws(GRPCStatus) {
      var responses = upstream.responses.makeAsyncIterator()
      while let message = try await responses.next() {
        if !isCounted { connected.add(1, ordering: .relaxed) }
        isCounted = true
        try await call.write(message)
      }
      return .ok
    } catch {
      return error
    }
  }
}
