// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import GRPC
import Logging
import Metrics
import Synchronization

/// ADS for the Envoy beside the agent: each stream becomes one to the control plane, by TLS and with
/// the workload's token, on a connection of its own.
///
/// Where the control plane is away the stream ends, and Envoy goes on with what it has and asks
/// again.
final class ConfigurationRelay: Sendable {
  private let options: CertificateOptions
  private let handlers: [(type: ResourceType, handle: AgentSubscriptions.Handler)]
  private let metrics: AgentMetrics
  private let log: Logger

  /// A relay of an agent's options.
  ///
  /// - Parameter handlers: What takes the resources that are the agent's own.
  init(
    _ options: CertificateOptions,
    handlers: [(type: ResourceType, handle: AgentSubscriptions.Handler)], metrics: AgentMetrics,
    log: Logger
  ) {
    self.options = options
    self.handlers = handlers
    self.metrics = metrics
    self.log = log
  }

  /// The methods to register with a gRPC server.
  var methods: [GRPCMethod] {
    let service = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
    let faces: [(String, StreamMachine.Face)] = [
      ("StreamAggregatedResources", .sotw), ("DeltaAggregatedResources", .delta),
    ]
    return faces.map { name, face in
      GRPCMethod(path: service + name) { [self] in await relay($0, service + name, face) }
    }
  }

  private func relay(
    _ call: GRPCServerStream, _ path: String, _ face: StreamMachine.Face
  ) async -> GRPCStatus {
    let channel: GRPCChannel
    let proof: GRPCMetadata
    do {
      channel = try ControlPlaneConnection.channel(
        options.discoveryAddress,
        roots: options.isDiscoveryPlain ? nil : options.discoveryRoots, options)
      proof = try ControlPlaneConnection.proof(
        options, headers: options.discoveryHeaders, isPlain: options.isDiscoveryPlain)
    } catch {
      log.error("the control plane cannot be asked: \(error)")
      metrics.connectionFailures.increment()
      return GRPCStatus(.unavailable, "the agent cannot ask the control plane")
    }
    defer { channel.close() }
    log.info("connecting to \(options.discoveryAddress)")
    let upstream = channel.stream(path, metadata: proof, deadline: nil)
    let relayed = RelayedStream(
      call: call, upstream: upstream, subscriptions: AgentSubscriptions(face, handlers),
      metrics: metrics)
    let status = await relayed.run()
    if !status.isOK, status.code != .cancelled {
      log.warn("the stream to \(options.discoveryAddress) ended: \(status)")
    }
    metrics.connectionEnds.increment([
      status.isOK || status.code == .cancelled ? "cancelled" : "error"
    ])
    return status
  }
}

/// One stream of Envoy, and the one to the control plane that stands for it.
private struct RelayedStream: Sendable {
  let call: GRPCServerStream
  let upstream: GRPCClientStream
  let subscriptions: AgentSubscriptions
  let metrics: AgentMetrics

  /// Runs until either side ends.
  func run() async -> GRPCStatus {
    let (requests, sender) = AsyncStream.makeStream(of: GRPCMessage.self)
    return await withTaskGroup(of: GRPCStatus?.self) { group in
      group.addTask { await read(into: sender) }
      group.addTask { await write(requests) }
      group.addTask { await answer(sender) }
      var status: GRPCStatus?
      while status == nil, let ended = await group.next() { status = ended }
      group.cancelAll()
      upstream.cancel()
      return status ?? .ok
    }
  }

  /// Reads Envoy's requests; nil once it has no more to say.
  private func read(into sender: AsyncStream<GRPCMessage>.Continuation) async -> GRPCStatus? {
    defer { sender.finish() }
    var hasAsked = false
    do throws(GRPCStatus) {
      var requests = call.requests.makeAsyncIterator()
      while let message = try await requests.next() {
        sender.yield(message)
        guard !hasAsked, subscriptions.follows(message.array) else { continue }
        hasAsked = true
        for request in subscriptions.requests { sender.yield(GRPCMessage(request)) }
      }
      return nil
    } catch {
      return error.code == .cancelled ? nil : error
    }
  }

  /// Takes requests upstream, Envoy's and the agent's own.
  private func write(_ requests: AsyncStream<GRPCMessage>) async -> GRPCStatus? {
    do throws(GRPCStatus) {
      for await message in requests {
        metrics.requests.increment()
        try await upstream.write(message)
      }
      try await upstream.finishWriting()
      return nil
    } catch {
      // The reason why the control plane ends a stream is told to who reads its answers.
      return error.code == .cancelled ? nil : error
    }
  }

  /// Takes answers downstream, until the control plane ends the stream.
  private func answer(_ sender: AsyncStream<GRPCMessage>.Continuation) async -> GRPCStatus? {
    do throws(GRPCStatus) {
      var responses = upstream.responses.makeAsyncIterator()
      while let message = try await responses.next() {
        metrics.responses.increment()
        if let acknowledgement = subscriptions.acknowledgement(of: message.array) {
          sender.yield(GRPCMessage(acknowledgement))
        } else {
          try await call.write(message)
        }
      }
      return .ok
    } catch {
      return error
    }
  }
}
