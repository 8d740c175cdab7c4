// SPDX-License-Identifier: Apache-2.0

public import Bytes
public import EnvoyAPI

/// A state-of-the-world `DiscoveryResponse` before it becomes bytes.
public struct SotWResponse: Sendable {
  /// The kind of resources.
  public var type: ResourceType
  /// The digest over all that the client has after this response.
  public var version: String
  /// What the client's ACK or NACK will name.
  public var nonce: String
  /// The full set for listeners and clusters, otherwise what changed; sorted by name.
  public var resources: [EncodedResource]

  /// A response of these fields.
  public init(
    type: ResourceType, version: String, nonce: String, resources: [EncodedResource]
  ) {
    self.type = type
    self.version = version
    self.nonce = nonce
    self.resources = resources
  }
}

/// A `DeltaDiscoveryResponse` before it becomes bytes.
public struct DeltaResponse: Sendable {
  /// The kind of resources.
  public var type: ResourceType
  /// For people only: the digest over all that the client has after this response.
  public var systemVersion: String
  /// What the client's ACK or NACK will name.
  public var nonce: String
  /// What was added, changed or asked for; sorted by name.
  public var resources: [EncodedResource]
  /// Names that no longer exist, or never did; sorted.
  public var removed: [String]

  /// A response of these fields.
  public init(
    type: ResourceType, systemVersion: String, nonce: String, resources: [EncodedResource],
    removed: [String]
  ) {
    self.type = type
    self.systemVersion = systemVersion
    self.nonce = nonce
    self.resources = resources
    self.removed = removed
  }
}

/// A response of either face.
public enum StreamResponse: Sendable {
  /// A state-of-the-world response.
  case sotw(SotWResponse)
  /// A delta response.
  case delta(DeltaResponse)

  /// The kind of resources.
  public var type: ResourceType {
    switch self {
    case .sotw(let response): response.type
    case .delta(let response): response.type
    }
  }

  /// What the client's ACK or NACK will name.
  public var nonce: String {
    switch self {
    case .sotw(let response): response.nonce
    case .delta(let response): response.nonce
    }
  }

  /// The resources that it carries.
  public var resources: [EncodedResource] {
    switch self {
    case .sotw(let response): response.resources
    case .delta(let response): response.resources
    }
  }

  /// The names that it takes away; none in state of the world.
  public var removed: [String] {
    switch self {
    case .sotw: []
    case .delta(let response): response.removed
    }
  }

  /// The response's wire bytes: a head, the shared resources, a tail.
  ///
  /// - Parameters:
  ///   - controlPlane: The text of `control_plane.identifier`; empty leaves it out.
  ///   - chunks: Where responses share runs of resources.
  public func encoded(
    controlPlane: String, chunks: ResponseChunks = ResponseChunks()
  ) -> [ByteSlice] {
    switch self {
    case .sotw(let response): response.encoded(controlPlane: controlPlane, chunks: chunks)
    case .delta(let response): response.encoded(controlPlane: controlPlane, chunks: chunks)
    }
  }
}
