// SPDX-License-Identifier: Apache-2.0

public import GRPC

extension GRPCServerStream {
  /// What the caller shows of itself.
  public var credentials: CallerCredentials {
    CallerCredentials(
      bearerToken: metadata.values("authorization").lazy
        .compactMap { CallerCredentials.bearerToken(ofHeader: $0.text) }.first,
      certificatePEM: peerCertificatePEM,
      clusterID: metadata.values("clusterid").first.map(\.text))
  }
}
