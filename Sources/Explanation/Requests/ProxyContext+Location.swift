// SPDX-License-Identifier: Apache-2.0

public import ConfigTranslation
import Configuration
import MeshModel
public import ServiceDiscovery

extension ProxyContext {
  /// An address of nobody (RFC 5737), which stands for what DNS says of a name that the mesh does not
  /// know.
  static let elsewhere = "203.0.113.1"

  /// A request with the address that the client connects to, as the workload's DNS says it, and the
  /// port that a gateway takes it at.
  public func located(_ request: TrafficRequest) -> TrafficRequest {
    var request = request
    if node.kind == .router {
      if request.listenerPort == nil {
        request.listenerPort = targets.first { $0.port.number == request.port }?.targetPort
      }
      return request
    }
    if request.direction == .inbound {
      if request.destination == nil { request.destination = node.addresses.first }
      return request
    }
    guard request.destination == nil else { return request }
    request.destination = isAddress(request.host) ? request.host : address(named: request.host)
    return request
  }

  /// The service that a host means to the workload: whole, or without the endings that its resolver
  /// adds.
  public func service(named host: String) -> MeshService? {
    let name =
      host.lowercased().hasSuffix(".") ? String(host.lowercased().dropLast()) : host.lowercased()
    let domain = settings.clusterDomain
    let endings = ["", ".\(node.namespace).svc.\(domain)", ".svc.\(domain)", ".\(domain)"]
    for ending in endings {
      if let known = outbound.servicesByHost[Hostname(valid: name + ending)] { return known }
    }
    let host = Hostname(valid: name)
    return outbound.services.filter { $0.hostname.isWildcard && host.isSubset(of: $0.hostname) }
      .min { $0.hostname.isMoreSpecific(than: $1.hostname) }
  }

  private func address(named host: String) -> String {
    guard let service = service(named: host) else { return Self.elsewhere }
    if let address = clientAddress(of: service) { return address }
    for port in service.ports {
      let endpoints = mesh.registry.endpoints(of: service.key, port: port)
      if let first = endpoints.flatMap(\.addresses).first(where: isAddress) { return first }
    }
    return Self.elsewhere
  }
}
