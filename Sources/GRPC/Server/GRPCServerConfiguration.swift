// SPDX-License-Identifier: Apache-2.0

/// The limits and times of a server.
public struct GRPCServerConfiguration: Sendable {
  /// The largest message that a client may send, in bytes; a longer one ends its call with
  /// RESOURCE_EXHAUSTED, as the handler is told too.
  ///
  /// One of more than four times as many is refused by the core, which tells the client alone.
  public var maxReceiveMessageSize = 4 << 20
  /// How much a client may send ahead of what is read of one call, in bytes.
  ///
  /// It is fixed, so that a call's memory is bounded whatever the link.
  public var streamWindow = 64 << 10
  /// The number of calls that one connection may have open; `nil` is no limit.
  public var maxConcurrentStreams: Int? = 100_000
  /// The largest set of headers that a client may send, in bytes.
  public var maxMetadataSize = 16 << 10
  /// After how long without traffic the server pings a client; `nil` is gRPC's default (2 h).
  public var keepaliveInterval: Duration? = .seconds(30)
  /// How long the server waits for the answer to a ping before it drops the connection.
  public var keepaliveTimeout: Duration = .seconds(10)
  /// How often a client may ping; one that pings oftener is disconnected.
  public var minimumPingInterval: Duration = .seconds(10)
  /// How long a connection lives before the client is asked to reconnect, give or take a tenth, so
  /// that those who came together come back apart; `nil` is for ever.
  public var maxConnectionAge: Duration?
  /// How long the calls of an aged connection may go on, as istiod has it; `nil` is for ever.
  public var maxConnectionAgeGrace: Duration? = .seconds(10)
  /// How long a connection may take for its TLS and HTTP/2 handshake.
  public var handshakeTimeout: Duration = .seconds(20)
  /// The number of completion queues, each with one thread.
  public var completionQueues = 2

  /// The defaults.
  public init() {}

  var arguments: [ChannelArgument] {
    [
      // Two servers on one port are a mistake, and so an error.
      .integer("grpc.so_reuseport", 0),
      .size("grpc.max_receive_message_length", maxReceiveMessageSize * 4),
      .size("grpc.http2.lookahead_bytes", streamWindow),
      .integer("grpc.http2.bdp_probe", 0),
      .size("grpc.max_concurrent_streams", maxConcurrentStreams),
      .size("grpc.max_metadata_size", maxMetadataSize),
      .milliseconds("grpc.keepalive_time_ms", keepaliveInterval),
      .milliseconds("grpc.keepalive_timeout_ms", keepaliveTimeout),
      .integer("grpc.keepalive_permit_without_calls", 1),
      .integer("grpc.http2.max_pings_without_data", 0),
      .milliseconds("grpc.http2.min_ping_interval_without_data_ms", minimumPingInterval),
      .milliseconds("grpc.max_connection_age_ms", maxConnectionAge),
      .milliseconds("grpc.max_connection_age_grace_ms", maxConnectionAgeGrace),
      .milliseconds("grpc.server_handshake_timeout_ms", handshakeTimeout),
      // A small message may unpack to any size: compressed ones are refused, not unpacked.
      .integer("grpc.per_message_decompression", 0),
      .integer("grpc.compression_enabled_algorithms_bitset", 1),
    ].compactMap(\.self)
  }
}
