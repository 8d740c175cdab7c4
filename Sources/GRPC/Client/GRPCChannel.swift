// SPDX-License-Identifier: Apache-2.0
//
// Owner: whoever made the channel. Threads: any. Freed: the C channel is destroyed by `close()`
// or by the object's end; the streams of calls under way retain it.

import CGRPC
import Synchronization

/// How a channel is secured.
public enum GRPCChannelCredentials: Sendable {
  /// Not at all.
  case plaintext
  /// By TLS: the roots that the server's certificate must lead to, the client's own identity
  /// where the server asks for one, and the name to verify in place of the address's.
  case tls(rootsPEM: String, identity: TLSIdentity? = nil, serverName: String? = nil)
}

/// The limits and times of a channel.
public struct GRPCChannelConfiguration: Sendable {
  /// The largest message that the server may send, in bytes.
  public var maxReceiveMessageSize = 4 << 20
  /// How much the server may send ahead of what is read of one call, in bytes.
  public var streamWindow = 1 << 20
  /// The largest set of headers that the server may send, in bytes.
  public var maxMetadataSize = 16 << 10
  /// After how long without traffic the channel pings the server; `nil` is never.
  public var keepaliveInterval: Duration?
  /// How long the channel waits for the answer to a ping.
  public var keepaliveTimeout: Duration = .seconds(10)
  /// The longest pause between two attempts to connect.
  public var maxReconnectBackoff: Duration = .seconds(30)
  /// Whether calls wait for a connection, in place of failing with `unavailable`.
  public var waitForReady = false

  /// Settings of gRPC's own that override ours.
  var overrides: [ChannelArgument] = []

  /// The defaults.
  public init() {}

  var arguments: [ChannelArgument] {
    let names = Set(overrides.map(\.name))
    return own.filter { !names.contains($0.name) } + overrides
  }

  private var own: [ChannelArgument] {
    [
      .size("grpc.max_receive_message_length", maxReceiveMessageSize),
      .size("grpc.http2.lookahead_bytes", streamWindow),
      .integer("grpc.http2.bdp_probe", 0),
      .size("grpc.max_metadata_size", maxMetadataSize),
      .milliseconds("grpc.keepalive_time_ms", keepaliveInterval),
      .milliseconds("grpc.keepalive_timeout_ms", keepaliveTimeout),
      .milliseconds("grpc.max_reconnect_backoff_ms", maxReconnectBackoff),
      .integer("grpc.per_message_decompression", 0),
      .integer("grpc.compression_enabled_algorithms_bitset", 1),
      // Nothing but the address given decides where and how we connect.
      .integer("grpc.enable_http_proxy", 0),
      .integer("grpc.service_config_disable_resolution", 1),
      .integer("grpc.enable_retries", 0),
      .integer("grpc.use_local_subchannel_pool", 1),
    ].compactMap(\.self)
  }
}

/// A client of one server: connects when it is needed, again when the connection is lost.
public final class GRPCChannel: GRPCClient {
  private let queue: CompletionQueue
  private let waitForReady: Bool
  private nonisolated(unsafe) let raw: OpaquePointer  // SAFETY: the C object locks itself.
  /// The C channel is used only while this says that it is open, under the lock.
  private let open = Mutex(true)

  /// A channel to an address, which is not connected to before the first call.
  ///
  /// - Parameters:
  ///   - address: `host:port` or `unix:path`.
  ///   - other: A channel whose thread also serves this one; nil for a thread of its own.
  public init(
    _ address: String, credentials: GRPCChannelCredentials = .plaintext,
    configuration: GRPCChannelConfiguration = .init(), sharingThreadsOf other: GRPCChannel? = nil
  ) throws(GRPCSetupError) {
    if let other { queue = other.queue } else { queue = try CompletionQueue() }
    waitForReady = configuration.waitForReady
    var arguments = configuration.arguments
    if case .tls(_, _, .some(let name)) = credentials {
      arguments.append(.text("grpc.ssl_target_name_override", name))
      arguments.append(.text("grpc.default_authority", name))
    }
    guard let secured = makeChannelCredentials(credentials) else {
      throw GRPCSetupError("gRPC refuses the credentials of the channel to \(address)")
    }
    defer { grpc_channel_credentials_release(secured) }
    let channel = withChannelArguments(arguments) { grpc_channel_create(address, secured, $0) }
    guard let channel else { throw GRPCSetupError("gRPC refuses a channel to \(address)") }
    raw = channel
  }

  deinit { close() }

  /// Begins a call.
  public func stream(
    _ path: String, metadata: GRPCMetadata, deadline: ContinuousClock.Instant?
  ) -> GRPCClientStream {
    guard let call = makeCall(path, deadline) else {
      return GRPCClientStream(
        backend: FailedCall(GRPCStatus(.unavailable, "the channel was closed")))
    }
    return GRPCClientStream(backend: ClientCall(self, call, metadata, waitForReady: waitForReady))
  }

  /// Closes the channel: calls under way go on, new ones fail with `unavailable`.
  ///
  /// Calls that still wait for a connection fail too. May be called more than once.
  public func close() {
    open.withLock { open in
      if open { grpc_channel_destroy(raw) }
      open = false
    }
  }

  private func makeCall(_ path: String, _ deadline: ContinuousClock.Instant?) -> CallHandle? {
    let method = copiedSlice(path)
    defer { grpc_slice_unref(method) }
    return open.withLock { open -> CallHandle? in
      guard open else { return nil }
      let call = grpc_channel_create_call(
        raw, nil, 0, queue.pointer, method, nil, timespec(deadline), nil)
      return call.map { CallHandle($0, queue: queue) }
    }
  }
}

private func makeChannelCredentials(_ credentials: GRPCChannelCredentials) -> OpaquePointer? {
  switch credentials {
  case .plaintext: grpc_insecure_credentials_create()
  case .tls(let roots, let identity?, _):
    withKeyPair(identity) { grpc_ssl_credentials_create_ex(roots, $0, nil, nil) }
  case .tls(let roots, nil, _): grpc_ssl_credentials_create_ex(roots, nil, nil, nil)
  }
}
