// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension Istio.Mesh.ProxyConfig.ConnectionSettings {
  /// Sets what the settings say of HTTP; it counts before the mesh's path normalization.
  func apply(to manager: Envoy.HttpConnectionManager) {
    applyTimeouts(to: manager)
    applyHTTP2(to: manager)
    if let action = httpHeadersWithUnderscoresAction.envoy {
      commonOptions(of: manager).headersWithUnderscoresAction = action
    }
    if let merge = httpMergeSlashes { manager.mergeSlashes = merge }
    if let action = httpPathWithEscapedSlashesAction.envoy {
      manager.pathWithEscapedSlashesAction = action
    }
  }

  private func commonOptions(
    of manager: Envoy.HttpConnectionManager
  ) -> Envoy.HttpProtocolOptions {
    if let options = manager.commonHttpProtocolOptions { return options }
    let options = Envoy.HttpProtocolOptions(manager.arena)
    manager.commonHttpProtocolOptions = options
    return options
  }

  private func applyTimeouts(to manager: Envoy.HttpConnectionManager) {
    if let timeout = httpIdleTimeout { commonOptions(of: manager).idleTimeout = timeout }
    if let duration = httpMaxConnectionDuration {
      commonOptions(of: manager).maxConnectionDuration = duration
    }
    if let duration = httpMaxStreamDuration {
      commonOptions(of: manager).maxStreamDuration = duration
    }
    if let timeout = httpStreamIdleTimeout { manager.streamIdleTimeout = timeout }
    if let timeout = httpRequestTimeout { manager.requestTimeout = timeout }
    if let timeout = httpRequestHeadersTimeout { manager.requestHeadersTimeout = timeout }
    if let timeout = httpDrainTimeout { manager.drainTimeout = timeout }
  }

  private func applyHTTP2(to manager: Envoy.HttpConnectionManager) {
    let values = [
      httpMaxConcurrentStreams, http2InitialStreamWindowSize, http2InitialConnectionWindowSize,
    ]
    guard values.contains(where: { $0 != nil }) else { return }
    let options = manager.http2ProtocolOptions ?? Envoy.Http2ProtocolOptions(manager.arena)
    manager.http2ProtocolOptions = options
    // Negative numbers are as if not given.
    if let streams = values[0].flatMap({ UInt32(exactly: $0) }) {
      options.maxConcurrentStreams = streams
    }
    if let size = values[1].flatMap({ UInt32(exactly: $0) }) {
      options.initialStreamWindowSize = size
    }
    if let size = values[2].flatMap({ UInt32(exactly: $0) }) {
      options.initialConnectionWindowSize = size
    }
  }
}

extension Istio.Mesh.ProxyConfig.ConnectionSettings.HeadersWithUnderscoresAction {
  fileprivate var envoy: Envoy.HttpProtocolOptions.HeadersWithUnderscoresAction? {
    switch self {
    case .headersWithUnderscoresUnspecified: nil
    case .headersWithUnderscoresAllow: .allow
    case .headersWithUnderscoresRejectRequest: .rejectRequest
    case .headersWithUnderscoresDropHeader: .dropHeader
    }
  }
}

extension Istio.Mesh.ProxyConfig.ConnectionSettings.PathWithEscapedSlashesAction {
  fileprivate var envoy: Envoy.HttpConnectionManager.PathWithEscapedSlashesAction? {
    switch self {
    case .pathWithEscapedSlashesUnspecified: nil
    case .keepUnchanged: .keepUnchanged
    case .rejectRequest: .rejectRequest
    case .unescapeAndRedirect: .unescapeAndRedirect
    case .unescapeAndForward: .unescapeAndForward
    }
  }
}
