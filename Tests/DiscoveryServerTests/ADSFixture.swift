// SPDX-License-Identifier: Apache-2.0

import Authentication
import Bytes
import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import GRPC
import Logging
import MeshModel
import Metrics
import ServiceDiscovery

/// A view of clusters that are named after the snapshot's generation.
struct GenerationView: ResourceView {
  var generation: UInt64

  func all(_ type: ResourceType) -> [EncodedResource] {
    guard type == .cluster else { return [] }
    return Arena.scope { arena in
      let cluster = Envoy.Cluster(arena) { $0.name = "generation-\(generation)" }
      return [EncodedResource(type: .cluster, name: cluster.name, message: cluster)]
    }
  }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    all(type).first { $0.name == name }
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> { [] }

  func followers(of resource: EncodedResource) -> [ResourceKey] { [] }
}

/// A discovery server in process.
struct ADSFixture {
  let server: DiscoveryServer
  let transport: InProcessTransport
  let registry = MetricsRegistry()

  static let nodeID = "sidecar~10.0.0.1~web-1.default~default.svc.cluster.local"

  init(
    callers: AuthenticatorChain? = nil,
    _ change: (inout DiscoveryServerConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = DiscoveryServerConfiguration(
      controlPlane: "test", wallClock: { 1000 },
      view: { snapshot, _, _ in GenerationView(generation: snapshot.generation) })
    configuration.origins = { _, _, _, name in ["the object of \(name)"] }
    change(&configuration)
    server = DiscoveryServer(
      configuration,
      metrics: IstiodMetrics(registry), log: try LogSystem(LogOptions(), sinks: []))
    transport = InProcessTransport(methods: server.methods(authenticating: callers))
  }

  /// Runs a test with a transport that serves.
  func serving(_ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup { group in
      async let _ = server.run()
      group.addTask { await transport.run() }
      do {
        try await body()
        server.shutDown()
        transport.shutDown()
      } catch {
        server.shutDown()
        transport.shutDown()
        throw error
      }
    }
  }

  func push(_ generation: UInt64) {
    let snapshot = MeshSnapshot(
      generation: generation, settings: Shared(MeshSettings()), config: ConfigTables(),
      registry: ServiceRegistry(ServiceSources(DiscoveryTables(), settings: RegistrySettings())))
    server.push(snapshot, scope: .everything, origin: .now, changes: 1)
  }

  func open(_ face: StreamMachine.Face = .sotw) -> GRPCClientStream {
    let method = face == .sotw ? "StreamAggregatedResources" : "DeltaAggregatedResources"
    return transport.stream("/envoy.service.discovery.v3.AggregatedDiscoveryService/\(method)")
  }

  /// A request for clusters.
  static func clusters(
    node: String? = nodeID, nonce: String = "", version: String = "", error: String? = nil
  ) -> GRPCMessage {
    Arena.scope { arena in
      GRPCMessage(
        Envoy.DiscoveryRequest(arena) { request in
          request.typeUrl = ResourceType.cluster.url
          request.responseNonce = nonce
          request.versionInfo = version
          if let node { request.node = request.make(Envoy.Node.self) { $0.id = node } }
          if let error {
            request.errorDetail = request.make(Envoy.RPCStatus.self) {
              $0.code = 13
              $0.message = error
            }
          }
        }.packed)
    }
  }

  /// A question of an operator's tool.
  static func question() -> GRPCMessage {
    Arena.scope { arena in
      GRPCMessage(
        Envoy.DiscoveryRequest(arena) { request in
          request.typeUrl = DebugQuestion.prefix + "/syncz"
          request.node = request.make(Envoy.Node.self) { $0.id = nodeID }
        }.packed)
    }
  }

  static func deltaClusters() -> GRPCMessage {
    Arena.scope { arena in
      GRPCMessage(
        Envoy.DeltaDiscoveryRequest(arena) { request in
          request.typeUrl = ResourceType.cluster.url
          request.node = request.make(Envoy.Node.self) { $0.id = nodeID }
        }.packed)
    }
  }
}

/// A response, read.
struct ADSAnswer {
  var nonce = ""
  var version = ""
  var count = 0
  var controlPlane = ""

  init?(_ message: GRPCMessage?, _ face: StreamMachine.Face = .sotw) {
    guard let bytes = message?.array else { return nil }
    let read = bytes.withUnsafeBytes { buffer in
      Arena.scope { arena -> ADSAnswer? in
        switch face {
        case .sotw:
          (try? Envoy.DiscoveryResponse(unpacking: buffer, in: arena)).map {
            ADSAnswer($0.nonce, $0.versionInfo, $0.resources.count, $0.controlPlane)
          }
        case .delta:
          (try? Envoy.DeltaDiscoveryResponse(unpacking: buffer, in: arena)).map {
            ADSAnswer($0.nonce, $0.systemVersionInfo, $0.resources.count, $0.controlPlane)
          }
        }
      }
    }
    guard let read else { return nil }
    self = read
  }

  private init(
    _ nonce: String, _ version: String, _ count: Int, _ controlPlane: Envoy.ControlPlane?
  ) {
    self.nonce = nonce
    self.version = version
    self.count = count
    self.controlPlane = controlPlane?.identifier ?? ""
  }
}
