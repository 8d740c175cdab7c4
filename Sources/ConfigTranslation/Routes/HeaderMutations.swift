// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// What a VirtualService changes of headers, and the host that it sets that way.
struct HeaderMutations: Hashable, Sendable {
  struct Addition: Hashable, Sendable {
    var name: String
    var value: String
    var overwrites: Bool
  }

  var requestAdditions: [Addition] = []
  var responseAdditions: [Addition] = []
  var requestRemovals: [String] = []
  var responseRemovals: [String] = []
  /// The host that `:authority` or `host` is set to; empty where it stays.
  var authority = ""

  init(_ headers: Istio.Headers) {
    let (request, response) = (headers.request, headers.response)
    requestAdditions = Self.additions(request)
    responseAdditions = Self.additions(response)
    requestRemovals = (request?.remove ?? []).filter { !Self.isInternal($0) }
    responseRemovals = (response?.remove ?? []).filter { !Self.isInternal($0) }
    authority = Self.authority(request?.set) ?? Self.authority(request?.add) ?? ""
  }

  /// Headers to set, then headers to add, each by name.
  private static func additions(_ operations: Istio.Headers.HeaderOperations?) -> [Addition] {
    let list = { (headers: [String: String]?, overwrites: Bool) in
      (headers ?? [:]).sorted { $0.key < $1.key }.filter { !isInternal($0.key) }
        .map { Addition(name: $0.key, value: $0.value, overwrites: overwrites) }
    }
    return list(operations?.set, true) + list(operations?.add, false)
  }

  private static func authority(_ headers: [String: String]?) -> String? {
    let names = (headers ?? [:]).sorted { $0.key < $1.key }.filter {
      [":authority", "host"].contains($0.key.lowercased())
    }
    return names.last?.value
  }

  /// Whether Envoy does not let a header be changed this way.
  private static func isInternal(_ name: String) -> Bool {
    name.hasPrefix(":") || name.lowercased() == "host"
  }
}

extension HeaderMutations.Addition {
  fileprivate func message(in arena: Arena) -> Envoy.HeaderValueOption {
    Envoy.HeaderValueOption(arena) { option in
      option.header = option.make(Envoy.HeaderValue.self) {
        $0.key = name
        $0.value = value
      }
      option.appendAction = overwrites ? .overwriteIfExistsOrAdd : .appendIfExistsOrAdd
    }
  }
}

extension Envoy.Route {
  /// Adds the header that tells clients of HTTP/3 on a port, for a day.
  func tellOfHTTP3(port: UInt32) {
    let header = HeaderMutations.Addition(
      name: "alt-svc", value: "h3=\":\(port)\"; ma=86400", overwrites: false)
    responseHeadersToAdd.append(header.message(in: arena))
  }

  /// Adds changes of headers behind those that are there.
  func apply(_ mutations: HeaderMutations) {
    for one in mutations.requestAdditions { requestHeadersToAdd.append(one.message(in: arena)) }
    for one in mutations.responseAdditions { responseHeadersToAdd.append(one.message(in: arena)) }
    requestHeadersToRemove.append(contentsOf: mutations.requestRemovals)
    responseHeadersToRemove.append(contentsOf: mutations.responseRemovals)
  }
}

extension Envoy.WeightedCluster.ClusterWeight {
  /// Adds changes of headers for one of several destinations.
  func apply(_ mutations: HeaderMutations) {
    for one in mutations.requestAdditions { requestHeadersToAdd.append(one.message(in: arena)) }
    for one in mutations.responseAdditions { responseHeadersToAdd.append(one.message(in: arena)) }
    requestHeadersToRemove.append(contentsOf: mutations.requestRemovals)
    responseHeadersToRemove.append(contentsOf: mutations.responseRemovals)
    if !mutations.authority.isEmpty { hostRewriteLiteral = mutations.authority }
  }
}
