// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

extension Analyzer {
  private typealias Gateway = ConfigObject<Istio.Gateway>

  /// Gateways of one workload that have a host on one port.
  static func conflictingGateways(_ input: AnalysisInput) -> [Finding] {
    let all = input.mesh.config.gateways.all
    return all.flatMap { object in
      object.spec.servers.enumerated().compactMap { place, server -> Finding? in
        let port = server.port?.number ?? 0
        let rivals = all.filter { other in
          other.key != object.key && serveTogether(object, other, input)
            && other.spec.servers.contains {
              $0.port?.number == port && $0.bind == server.bind
                && !Set($0.hosts).isDisjoint(with: server.hosts)
            }
        }
        guard !rivals.isEmpty else { return nil }
        let names = rivals.map(\.fullName).sorted().joined(separator: ",")
        return Finding(
          .conflictingGateways, object.key, field: "spec.servers[\(place)].hosts",
          "Conflict with gateways \(names) (workload selector \(selectorText(object.spec.selector)), "
            + "port \(port), hosts \(server.hosts.joined(separator: ","))).")
      }
    }
  }

  /// Whether one workload serves both: equal selectors, or a Pod that both take.
  private static func serveTogether(
    _ one: Gateway, _ other: Gateway, _ input: AnalysisInput
  ) -> Bool {
    if one.spec.selector == other.spec.selector { return true }
    return input.pods(selectedBy: one.spec.selector).contains {
      other.spec.selector.isSubset(of: $0.meta.labels)
    }
  }

  /// Gateways that no Pod serves, and ports that no Service leads to.
  static func gatewayPorts(_ input: AnalysisInput) -> [Finding] {
    let services = input.mesh.registry.sources.tables.services.values
    return input.mesh.config.gateways.all.flatMap { object -> [Finding] in
      let pods = input.pods(selectedBy: object.spec.selector)
      guard !pods.isEmpty else { return [unselected(object)] }
      var open: Set<UInt32> = []
      for service in services {
        guard let spec = service.spec.spec,
          pods.contains(where: {
            $0.meta.namespace == service.meta.namespace
              && spec.selector.isSubset(of: $0.meta.labels)
          })
        else { continue }
        for port in spec.ports where port.protocol.isEmpty || port.protocol == "TCP" {
          open.insert(UInt32(clamping: port.port))
          if let target = port.targetPort?.number { open.insert(target) }
        }
      }
      return object.spec.servers.enumerated().compactMap { place, server in
        guard let port = server.port, !open.contains(port.number) else { return nil }
        return Finding(
          .gatewayPort, object.key, field: "spec.servers[\(place)].port.number",
          "The gateway is listening on a target port (port \(port.number)) that is not defined in the "
            + "Service associated with its workload instances (Pod selector "
            + "\(selectorText(object.spec.selector))). If you need to access the gateway port through "
            + "the gateway Service, it will not be available.")
      }
    }
  }

  private static func unselected(_ object: Gateway) -> Finding {
    Finding(
      .notFound, object.key, field: "spec.selector",
      "Referenced selector not found: \(quoted(selectorText(object.spec.selector)))")
  }

  /// Gateways of one workload that serve one certificate, so that clients reuse connections for a host
  /// that another Gateway serves.
  static func duplicateCertificates(_ input: AnalysisInput) -> [Finding] {
    let isScoped = input.mesh.settings.feature("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", default: false)
    let all = input.mesh.config.gateways.all
    return all.flatMap { object in
      all.filter { other in
        other.key != object.key && (!isScoped || other.meta.namespace == object.meta.namespace)
          && object.spec.selector.isSubset(of: other.spec.selector)
      }.flatMap { other in
        object.spec.servers.enumerated().flatMap { place, server in
          other.spec.servers.filter { server.tls?.hasCertificate(of: $0.tls) == true }.map { _ in
            Finding(
              .duplicateCertificate, object.key, field: "spec.servers[\(place)].tls",
              "Duplicate certificate in multiple gateways [\(object.fullName) \(other.fullName)] may "
                + "cause 404s if clients re-use HTTP2 connections.")
          }
        }
      }
    }
  }

  /// Credentials that are not there where the gateway's Pods look for them, or are no good.
  static func gatewaySecrets(_ input: AnalysisInput) -> [Finding] {
    input.mesh.config.gateways.all.flatMap { object -> [Finding] in
      guard let pod = input.pods(selectedBy: object.spec.selector).first else {
        return [unselected(object)]
      }
      return object.spec.servers.enumerated().flatMap { place, server -> [Finding] in
        guard let tls = server.tls else { return [] }
        let named =
          (tls.credentialName.isEmpty ? [] : [("credentialName", tls.credentialName)])
          + tls.credentialNames.enumerated().map { ("credentialNames[\($0.offset)]", $0.element) }
        return named.compactMap { field, name in
          let path = "spec.servers[\(place)].tls.\(field)"
          guard let secret = secret(name, in: pod.meta.namespace, input) else {
            return Finding(
              .notFound, object.key, field: path,
              "Referenced credentialName not found: \(quoted(name))")
          }
          guard let problem = problem(of: secret, input) else { return nil }
          return Finding(
            .badCredential, object.key, field: path,
            "The credential referenced by the Gateway \(object.meta.name) in namespace "
              + "\(pod.meta.namespace) is invalid, which can cause the traffic not to work as "
              + "expected: \(problem).")
        }
      }
    }
  }

  private static func secret(
    _ name: String, in namespace: String, _ input: AnalysisInput
  ) -> ConfigObject<Kubernetes.Secret>? {
    let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
    return parts.count == 2
      ? input.mesh.config.secrets.object(parts[0], parts[1])
      : input.mesh.config.secrets.object(namespace, name)
  }

  /// What keeps a Secret's certificate from being served; nil where nothing does.
  private static func problem(
    of secret: ConfigObject<Kubernetes.Secret>, _ input: AnalysisInput
  ) -> String? {
    let data = secret.spec.data
    let pairs = [("cert", "key"), ("tls.crt", "tls.key")]
    let pair = pairs.first { names in
      [names.0, names.1].allSatisfy { data[$0]?.bytes.isEmpty == false }
    }
    guard let pair, let chain = data[pair.0] else {
      return "the Secret has neither cert and key nor tls.crt and tls.key"
    }
    return input.certificates.problem(chain.bytes).map { "\(pair.0): \($0)" }
  }
}

extension Istio.ServerTLSSettings {
  /// Whether both name one certificate: one credential, or the same files.
  fileprivate func hasCertificate(of other: Istio.ServerTLSSettings?) -> Bool {
    guard let other else { return false }
    if !credentialName.isEmpty || !other.credentialName.isEmpty {
      return credentialName == other.credentialName
    }
    return !serverCertificate.isEmpty && !privateKey.isEmpty
      && serverCertificate == other.serverCertificate && privateKey == other.privateKey
  }
}

extension JSONValue {
  /// A number, also one that is written as a text.
  fileprivate var number: UInt32? {
    if let integer { return UInt32(exactly: integer).flatMap { $0 == 0 ? nil : $0 } }
    return string.flatMap { UInt32($0) }
  }
}
