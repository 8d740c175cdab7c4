// SPDX-License-Identifier: Apache-2.0

import Bytes
import ConfigTranslation
import EnvoyAPI
import Glibc
import MeshModel
import ServiceDiscovery

/// What one generation costs.
struct Measurement {
  var shape: String
  var output: Shape.Output
  /// CPU microseconds with nothing remembered: inputs gathered, messages made and packed.
  var alone: Double
  /// CPU microseconds for a second proxy of the same class, at the same snapshot.
  var again: Double
  var bytes: Int
  var resources: Int
}

/// Generates the outputs of a shape again and again.
struct Bench {
  private let shape: Shape
  private let transaction: SourceTransaction
  private let settings: MeshSettings
  private let node: ProxyNode
  private let mesh: MeshSnapshot
  /// How much CPU time a figure is the mean of, in seconds.
  private let budget: Double

  init(_ shape: Shape, budget: Double) throws {
    self.shape = shape
    self.budget = budget
    transaction = try shape.transaction()
    settings = try shape.settings()
    node = try shape.node()
    guard let mesh = Bench.snapshot(transaction, settings) else {
      throw Unusable(shape: shape.name, reason: "no snapshot")
    }
    self.mesh = mesh
  }

  func measure(_ output: Shape.Output) -> Measurement {
    if output == .snapshot { return measureSnapshot() }
    let names = names(of: output)
    // What the proxy sees is part of the snapshot: it is not measured here, as in istiod.
    let context = ProxyContext(mesh, node: node, cache: ResourceCache())
    let made = generate(output, names, context)
    let alone = mean {
      _ = generate(output, names, ProxyContext(mesh, node: node, cache: ResourceCache()))
    }
    let again = mean {
      _ = generate(output, names, ProxyContext(mesh, node: node, cache: context.cache))
    }
    return Measurement(
      shape: shape.name, output: output, alone: alone, again: again,
      bytes: made.reduce(0) { $0 + $1.packed.count }, resources: made.count)
  }

  private func measureSnapshot() -> Measurement {
    let time = mean {
      guard let mesh = Bench.snapshot(transaction, settings) else { return }
      _ = ProxyContext(mesh, node: node, cache: ResourceCache())
    }
    return Measurement(
      shape: shape.name, output: .snapshot, alone: time, again: 0, bytes: 0,
      resources: transaction.upserts.count)
  }

  private static func snapshot(
    _ transaction: SourceTransaction, _ settings: MeshSettings
  ) -> MeshSnapshot? {
    var store = MeshStore(settings: settings)
    _ = store.apply(transaction, at: 0)
    return store.snapshot
  }

  /// The names that the proxy asks for, of types that are asked for by name.
  private func names(of output: Shape.Output) -> [String] {
    let context = ProxyContext(mesh, node: node, cache: ResourceCache())
    return switch output {
    case .endpoints: context.clusters().map(\.name).filter { $0.hasPrefix("outbound|") }
    case .routes: context.routeNames()
    default: []
    }
  }

  private func generate(
    _ output: Shape.Output, _ names: [String], _ context: ProxyContext
  ) -> [EncodedResource] {
    switch output {
    case .snapshot: []
    case .clusters: context.clusters()
    case .endpoints: assignments(names, context)
    case .listeners: node.kind == .router ? context.gatewayListeners() : context.listeners()
    case .routes: names.compactMap(context.route)
    case .nameTable: [context.nameTable()]
    }
  }

  private func assignments(_ names: [String], _ context: ProxyContext) -> [EncodedResource] {
    let all = context.loadAssignments
    return names.compactMap { all[$0] }
  }

  /// The mean CPU microseconds of a call.
  private func mean(_ body: () -> Void) -> Double {
    body()
    var count = 0
    let began = cpuSeconds()
    var spent = 0.0
    repeat {
      body()
      count += 1
      spent = cpuSeconds() - began
    } while spent < budget
    return spent / Double(count) * 1e6
  }
}

/// The CPU time of this process, in seconds.
func cpuSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
