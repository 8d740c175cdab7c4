// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

/// A state-of-the-world `DiscoveryRequest`, decoded.
public struct SotWRequest: Sendable {
  /// The kind of resources asked for.
  public var type: ResourceType
  /// The version that the client last accepted; empty if none (`version_info`).
  public var version: String
  /// The nonce of the response that this acknowledges; empty in a first request.
  public var nonce: String
  /// All names that the client wants from now on (`resource_names`).
  public var names: [String]
  /// Why the client rejects the response of `nonce`; nil accepts it (`error_detail`).
  public var error: NackDetail?
  /// The size of the request's node in bytes; 0 if it has none.
  public var nodeSize: Int

  /// A request of a type, its other fields empty unless given.
  public init(
    _ type: ResourceType, version: String = "", nonce: String = "", names: [String] = [],
    error: NackDetail? = nil, nodeSize: Int = 0
  ) {
    self.type = type
    self.version = version
    self.nonce = nonce
    self.names = names
    self.error = error
    self.nodeSize = nodeSize
  }
}

/// A `DeltaDiscoveryRequest`, decoded.
public struct DeltaRequest: Sendable {
  /// The kind of resources asked for.
  public var type: ResourceType
  /// The nonce of the response that this acknowledges; empty for a spontaneous request.
  public var nonce: String
  /// Names to add to what the client wants (`resource_names_subscribe`).
  public var subscribe: [String]
  /// Names to take away from what the client wants (`resource_names_unsubscribe`).
  public var unsubscribe: [String]
  /// What a reconnecting client has: version by name (`initial_resource_versions`).
  public var initialVersions: [String: String]
  /// Why the client rejects the response of `nonce`; nil accepts it (`error_detail`).
  public var error: NackDetail?
  /// The size of the request's node in bytes; 0 if it has none.
  public var nodeSize: Int

  /// A request of a type, its other fields empty unless given.
  public init(
    _ type: ResourceType, nonce: String = "", subscribe: [String] = [],
    unsubscribe: [String] = [], initialVersions: [String: String] = [:],
    error: NackDetail? = nil, nodeSize: Int = 0
  ) {
    self.type = type
    self.nonce = nonce
    self.subscribe = subscribe
    self.unsubscribe = unsubscribe
    self.initialVersions = initialVersions
    self.error = error
    self.nodeSize = nodeSize
  }
}

/// Why a client rejected a response (`error_detail`, a `google.rpc.Status`).
public struct NackDetail: Hashable, Sendable {
  /// The gRPC status code.
  public var code: Int32
  /// The client's words.
  public var message: String

  /// A rejection.
  public init(code: Int32 = 13, message: String) {
    self.code = code
    self.message = message
  }
}
