// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// All that a cluster depends on which every proxy of a kind has.
struct StaticClusterInputs: ResourceInputs {
  static let type = ResourceType.cluster

  /// Which one.
  enum Kind: Hashable, Sendable {
    /// Where traffic ends that must go nowhere.
    case blackHole
    /// Where traffic goes on to where it was sent.
    case passthrough
    /// The same for inbound traffic, from addresses that are not captured again.
    case inboundPassthrough(sources: [String])
    /// The server of secrets behind a socket beside the proxy.
    case credentialSocket
  }

  /// Which one.
  var kind: Kind
  /// What of the proxy matters.
  var facets: ClusterFacets
  /// What the mesh is set to.
  var settings: Shared<MeshSettings>

  var name: String {
    switch kind {
    case .blackHole: ClusterName.blackHole
    case .passthrough: ClusterName.passthrough
    case .inboundPassthrough: ClusterName.inboundPassthrough
    case .credentialSocket: "sds-external"
    }
  }

  func make(in arena: Arena) -> Envoy.Cluster {
    var draft = ClusterDraft(name, facets: facets, settings: settings.value, in: arena)
    let cluster = draft.cluster
    cluster.connectTimeout = draft.mesh.connectTimeout
    switch kind {
    case .blackHole: draft.discover(.static)
    case .passthrough:
      passThrough(&draft)
      draft.exchangeMetadata()
    case .inboundPassthrough(let sources):
      passThrough(&draft)
      cluster.altStatName = ClusterName.passthrough + ";"
      draft.bind(to: sources)
    case .credentialSocket:
      draft.discover(.static)
      draft.speakHTTP2()
      cluster.loadAssignment = socket(in: arena)
    }
    return draft.finished()
  }

  private func passThrough(_ draft: inout ClusterDraft) {
    draft.discover(.originalDst)
    draft.cluster.lbPolicy = .clusterProvided
    draft.speakAsPassthrough()
    draft.limit(draft.mesh.defaultTrafficPolicy?.connectionPool ?? .init())
  }

  private func socket(in arena: Arena) -> Envoy.ClusterLoadAssignment {
    let path = "./var/run/secrets/credential-uds/socket"
    return Envoy.ClusterLoadAssignment(arena) { assignment in
      assignment.clusterName = name
      assignment.endpoints.append(
        assignment.make(Envoy.LocalityLbEndpoints.self) { place in
          place.lbEndpoints.append(
            place.make(Envoy.LbEndpoint.self) { endpoint in
              endpoint.endpoint = endpoint.make(Envoy.Endpoint.self) { target in
                target.address = target.make(Envoy.Address.self) { address in
                  address.pipe = address.make(Envoy.Pipe.self) { $0.path = path }
                }
              }
            })
        })
    }
  }
}

extension ClusterDraft {
  /// Connects from given addresses, the first the main one, and any port.
  func bind(to sources: [String]) {
    guard let first = sources.first else { return }
    cluster.upstreamBindConfig = cluster.make(Envoy.BindConfig.self) { bind in
      bind.sourceAddress = EndpointMessages.socket(first, port: 0, in: arena)
      for source in sources.dropFirst() {
        bind.extraSourceAddresses.append(
          bind.make(Envoy.ExtraSourceAddress.self) {
            $0.address = EndpointMessages.socket(source, port: 0, in: arena)
          })
      }
    }
  }
}
