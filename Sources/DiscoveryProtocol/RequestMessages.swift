// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

extension SotWRequest {
  /// The request that a message is.
  public init(_ message: Envoy.DiscoveryRequest) {
    self.init(
      ResourceType(url: message.typeUrl), version: message.versionInfo,
      nonce: message.responseNonce, names: Array(message.resourceNames),
      error: message.errorDetail.map(NackDetail.init),
      nodeSize: message.node?.packed.count ?? 0)
  }
}

extension DeltaRequest {
  /// The request that a message is.
  public init(_ message: Envoy.DeltaDiscoveryRequest) {
    let versions = message.initialResourceVersions.elements
    self.init(
      ResourceType(url: message.typeUrl), nonce: message.responseNonce,
      subscribe: Array(message.resourceNamesSubscribe),
      unsubscribe: Array(message.resourceNamesUnsubscribe),
      initialVersions: Dictionary(versions.map { ($0.key, $0.value) }) { $1 },
      error: message.errorDetail.map(NackDetail.init),
      nodeSize: message.node?.packed.count ?? 0)
  }
}

extension NackDetail {
  fileprivate init(_ status: Envoy.RPCStatus) {
    self.init(code: status.code, message: status.message)
  }
}
