// SPDX-License-Identifier: Apache-2.0

import Configuration

/// Whether a workload's port takes mutual TLS.
enum MutualTLSMode: Hashable, Sendable {
  /// Plain text only.
  case disable
  /// Both.
  case permissive
  /// Mutual TLS only.
  case strict

  /// The mode that is written; nil where none is.
  init?(_ written: Istio.PeerAuthentication.MutualTLS?) {
    switch written?.mode {
    case .unset, nil: return nil
    case .disable: self = .disable
    case .permissive: self = .permissive
    case .strict: self = .strict
    }
  }
}

/// The modes of a workload's ports.
struct MutualTLSPolicy: Hashable, Sendable {
  /// The mode of ports that have none of their own.
  var mode = MutualTLSMode.permissive
  /// The modes of the workload's ports.
  var ports: [UInt32: MutualTLSMode] = [:]

  /// The mode of a port.
  subscript(port: UInt32) -> MutualTLSMode { ports[port] ?? mode }
}
