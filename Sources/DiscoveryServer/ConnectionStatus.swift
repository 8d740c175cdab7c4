// SPDX-License-Identifier: Apache-2.0

public import DiscoveryProtocol
public import MeshModel

/// How one stream stands, for pages that show it.
public struct ConnectionStatus: Sendable {
  /// The stream's own name: the node's id, a dash and a number (istiod's form).
  public var id: String
  /// The proxy, as its first request described it.
  public var node: ProxyNode
  /// The peer's address as gRPC writes it, such as `ipv4:10.0.0.1:4711`.
  public var peer: String
  /// When the stream was opened, in seconds since 1970.
  public var connectedAt: Double
  /// Which variant of the protocol it speaks.
  public var face: StreamMachine.Face
  /// How each type that it asked for stands, in the order of a push.
  public var types: [TypeStatus]
  /// The generation of the snapshot that it was last given; 0 before the first.
  public var generation: UInt64
  /// The newest generation of which it acknowledged everything, but for what it refused.
  public var applied: UInt64
}

/// A push as it was handed to the streams.
public struct PushRecord: Hashable, Sendable {
  /// The generation of the snapshot.
  public var generation: UInt64
  /// When, in seconds since 1970.
  public var at: Double
  /// What may have changed.
  public var scope: PushScope
  /// How many changes it merges.
  public var changes: Int
  /// How long the earliest of them had waited.
  public var waited: Duration
  /// How many streams were open.
  public var connections: Int
}

/// A response that a proxy refused.
public struct NackRecord: Hashable, Sendable {
  /// The stream's name.
  public var connection: String
  /// The node's id.
  public var node: String
  /// The type's short name, such as `cds`.
  public var type: String
  /// The response's nonce.
  public var nonce: String
  /// The response's version.
  public var version: String
  /// The gRPC code that the proxy gave.
  public var code: Int32
  /// The proxy's words.
  public var message: String
  /// The names that the response carried.
  public var names: [String]
  /// The objects that made the resources that were refused, in words, by the resources' names.
  public var origins: [String: [String]] = [:]
  /// When, in seconds since 1970.
  public var at: Double
}
