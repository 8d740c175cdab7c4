// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel

/// A destination of a VirtualService, and the field that it stands at.
struct WrittenDestination {
  var destination: Istio.Destination
  /// The field of the destination.
  var field: String
  /// Whether requests are mirrored there.
  var isMirror = false
}

extension Istio.VirtualService {
  /// All destinations, in the order of tcp, tls and http, and then mirrors.
  var destinations: [WrittenDestination] {
    var found: [WrittenDestination] = []
    let add = { (routes: [(String, [Istio.RouteDestination])]) in
      for (field, list) in routes {
        for (place, route) in list.enumerated() {
          // Without a destination there is no host to find either.
          found.append(
            WrittenDestination(
              destination: route.destination ?? .init(),
              field: "\(field).route[\(place)].destination"))
        }
      }
    }
    add(tcp.enumerated().map { ("spec.tcp[\($0.offset)]", $0.element.route) })
    add(tls.enumerated().map { ("spec.tls[\($0.offset)]", $0.element.route) })
    for (number, rule) in http.enumerated() {
      for (place, route) in rule.route.enumerated() {
        found.append(
          WrittenDestination(
            destination: route.destination ?? .init(),
            field: "spec.http[\(number)].route[\(place)].destination"))
      }
    }
    for (number, rule) in http.enumerated() {
      if let mirror = rule.mirror {
        found.append(
          WrittenDestination(
            destination: mirror, field: "spec.http[\(number)].mirror", isMirror: true))
      }
      for (place, mirror) in rule.mirrors.enumerated() {
        guard let destination = mirror.destination else { continue }
        found.append(
          WrittenDestination(
            destination: destination, field: "spec.http[\(number)].mirrors[\(place)].destination",
            isMirror: true))
      }
    }
    return found
  }
}

extension Analyzer {
  /// Destinations that are no service, or whose port is none of its; and subsets of the mesh's rules
  /// that a gateway's rule for the host leaves out.
  static func destinationHosts(_ input: AnalysisInput) -> [Finding] {
    let subsetted = subsettedHosts(input)
    return input.mesh.config.virtualServices.all.flatMap { object in
      object.spec.destinations.flatMap { hostProblems($0, of: object, input) }
        + subsetsLost(at: object, subsetted, input)
    }
  }

  private static func hostProblems(
    _ written: WrittenDestination, of object: ConfigObject<Istio.VirtualService>,
    _ input: AnalysisInput
  ) -> [Finding] {
    let host = written.destination.host
    let namespace = object.meta.namespace
    let field = written.field + ".host"
    let target = input.hosts.target(
      input.fullName(host, in: namespace), from: namespace, exportTo: object.spec.exportTo)
    guard let target else {
      let what = written.isMirror ? "mirror host" : "host"
      return [
        Finding(
          .notFound, object.key, field: field, "Referenced \(what) not found: \(quoted(host))")
      ]
    }
    guard let port = written.destination.port?.number else {
      guard target.ports.count > 1 else { return [] }
      let ports = target.ports.map(String.init).joined(separator: " ")
      return [
        Finding(
          .portRequired, object.key, field: field,
          "This VirtualService routes to a service \(quoted(host)) that exposes multiple ports "
            + "[\(ports)]. Specifying a port in the destination is required to disambiguate.")
      ]
    }
    guard !target.ports.contains(port) else { return [] }
    return [
      Finding(
        .notFound, object.key, field: written.field + ".port",
        "Referenced host:port not found: \(quoted("\(host):\(port)"))")
    ]
  }

  /// The hosts that VirtualServices for them divide into subsets.
  private static func subsettedHosts(
    _ input: AnalysisInput
  ) -> [(object: ConfigObject<Istio.VirtualService>, host: String)] {
    input.mesh.config.virtualServices.all.flatMap { object in
      let own = Set(object.spec.hosts)
      let destinations = object.spec.http.flatMap(\.route).compactMap(\.destination)
      return destinations.filter { !$0.subset.isEmpty && own.contains($0.host) }
        .map { (object, input.fullName($0.host, in: object.meta.namespace)) }
    }
  }

  private static func subsetsLost(
    at object: ConfigObject<Istio.VirtualService>,
    _ subsetted: [(object: ConfigObject<Istio.VirtualService>, host: String)],
    _ input: AnalysisInput
  ) -> [Finding] {
    guard !object.spec.gateways.isEmpty else { return [] }
    return object.spec.http.enumerated().flatMap { number, rule in
      rule.route.enumerated().flatMap { place, route -> [Finding] in
        guard let destination = route.destination, destination.subset.isEmpty else { return [] }
        let host = input.fullName(destination.host, in: object.meta.namespace)
        return subsetted.filter { $0.host == host && $0.object.key != object.key }.map { other in
          Finding(
            .subsetsNotAtGateway, object.key,
            field: "spec.http[\(number)].route[\(place)].destination.host",
            "Subset in virtual service \(other.object.fullName) has no effect on ingress gateway "
              + "\(object.fullName) requests")
        }
      }
    }
  }

  /// Subsets that no DestinationRule for the host has.
  static func destinationSubsets(_ input: AnalysisInput) -> [Finding] {
    var known: Set<String> = []
    for rule in input.mesh.config.destinationRules.all {
      let host = input.fullName(rule.spec.host, in: rule.meta.namespace)
      for subset in rule.spec.subsets { known.insert("\(host)+\(subset.name)") }
    }
    return input.mesh.config.virtualServices.all.flatMap { object in
      object.spec.destinations.compactMap { written -> Finding? in
        let destination = written.destination
        guard !destination.subset.isEmpty else { return nil }
        let host = input.fullName(destination.host, in: object.meta.namespace)
        guard !known.contains("\(host)+\(destination.subset)") else { return nil }
        let what = written.isMirror ? "mirror" : "host"
        return Finding(
          .notFound, object.key, field: written.field + ".subset",
          "Referenced \(what)+subset in destinationrule not found: "
            + quoted("\(destination.host)+\(destination.subset)"))
      }
    }
  }
}
