// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// Whether a text is an IP address.
func isAddress(_ text: String) -> Bool { IPAddress(text) != nil }

/// The listeners by place, as Envoy finds the one of a connection.
struct ListenerPlaces {
  private struct Place: Hashable {
    var address: String
    var port: UInt32
  }

  private var byPlace: [Place: Envoy.Listener] = [:]
  private let listeners: [Envoy.Listener]

  init(_ listeners: [Envoy.Listener]) {
    self.listeners = listeners
    for listener in listeners {
      let extra = listener.additionalAddresses.map(\.address)
      for address in [listener.address] + extra {
        guard let socket = address?.socketAddress else { continue }
        let place = Place(address: socket.address, port: socket.portValue ?? 0)
        if byPlace[place] == nil { byPlace[place] = listener }
      }
    }
  }

  /// The listener of a request, and how it is found.
  ///
  /// What a sidecar is redirected goes to the listener of its destination, else of its port, else it
  /// stays at the one that took it. Elsewhere clients connect to the proxy itself.
  func listener(
    for request: TrafficRequest
  ) -> (listener: Envoy.Listener, details: [String])? {
    if request.direction == .inbound { return inbound(request) }
    let port = request.listenerPort ?? request.port
    let address = request.destination ?? ""
    let redirector = listeners.first { $0.takesRedirected && $0.trafficDirection != .inbound }
    var candidates = [address]
    if !address.isEmpty || redirector == nil { candidates += ["0.0.0.0", "::"] }
    if redirector == nil { candidates += ["127.0.0.1", "::1"] }
    for candidate in candidates {
      guard let found = byPlace[Place(address: candidate, port: port)] else { continue }
      let place = candidate == address ? "\(address), port \(port)" : "port \(port)"
      return (found, ["connections to \(place) come here"])
    }
    return redirector.map {
      ($0, ["nothing listens for \(address), port \(port): what is redirected stays here"])
    }
  }

  /// `virtualInbound`, or the listener that binds the port for the workload.
  private func inbound(_ request: TrafficRequest) -> (Envoy.Listener, [String])? {
    let all = listeners.filter { $0.trafficDirection == .inbound }
    let port = request.listenerPort ?? request.port
    let bound = all.first { $0.address?.socketAddress?.portValue == port }
    guard let found = bound ?? all.first(where: \.takesRedirected) else { return nil }
    return (found, ["connections to the workload's port \(port) come here"])
  }
}

extension Envoy.Listener {
  /// Whether it takes what iptables redirects: by handing it on, or by asking where it was sent to.
  fileprivate var takesRedirected: Bool {
    useOriginalDst == true
      || listenerFilters.contains { $0.name == "envoy.filters.listener.original_dst" }
  }
}
