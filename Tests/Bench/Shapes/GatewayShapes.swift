// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// Shapes of gateways.
extension Shape {
  private static var ingress: String {
    Documents.serviceEntry(
      "proxy-service-instance", host: "example.com", ports: ["80 http HTTP", "443 https HTTPS"],
      endpoints: ["{address: 1.1.1.1, labels: {istio.io/benchmark: \"true\"}}"])
  }

  private static func gateway(_ name: String, hosts: [String]) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: Gateway
    metadata: {name: \(name), namespace: gateway}
    spec:
      selector: {istio.io/benchmark: "true"}
      servers:
      - port: {number: 80, name: http, protocol: HTTP}
        hosts: [\(hosts.joined(separator: ", "))]
      - port: {number: 443, name: https, protocol: HTTPS}
        hosts: [\(hosts.joined(separator: ", "))]
        tls: {mode: ISTIO_MUTUAL}
    """
  }

  private static func rule(
    _ number: Int, gateway: String, hosts: [String], prefixes: [String]
  ) -> String {
    let matches = prefixes.map { "{uri: {prefix: \($0)}}" }.joined(separator: ", ")
    return """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: vs-\(number), namespace: gateway}
      spec:
        hosts: [\(hosts.joined(separator: ", "))]
        gateways: [gateway/\(gateway)]
        http:
        - match: [\(matches)]
          route: [{destination: {host: random-\(number).host.example}}]
      """
  }

  /// A Gateway, a VirtualService and a service each, told apart by hosts.
  static func gateways(_ count: Int) -> Shape {
    let documents = (0..<count).flatMap { number in
      let hosts = ["a", "b", "c"].map { "random-\($0)-\(number).host.example" }
      return [
        gateway("gateway-\(number)", hosts: hosts),
        rule(number, gateway: "gateway-\(number)", hosts: hosts, prefixes: ["/route-\(number)"]),
        Documents.plainEntry(number),
      ]
    }
    return Shape(name: "gateways", documents: [ingress] + documents, kind: .router)
  }

  /// One Gateway, whose VirtualServices share three hosts and are told apart by paths.
  static func sharedGateway(_ count: Int) -> Shape {
    let hosts = (1...3).map { "random-\($0).host.example" }
    let documents = (0..<count).flatMap { number in
      let prefixes = ["a", "b", "c", "d", "e", "f"].map { "/route-\($0)-\(number)" }
      return [
        rule(number, gateway: "gateway", hosts: hosts, prefixes: prefixes),
        Documents.plainEntry(number),
      ]
    }
    return Shape(
      name: "gateways-shared", documents: [ingress, gateway("gateway", hosts: hosts)] + documents,
      kind: .router)
  }

  /// What Knative makes of its services: many rules on a few hosts, by authority and header.
  static func knativeGateway(_ count: Int) -> Shape {
    let services = [
      ("external", "istio-ingressgateway", 8080), ("internal", "knative-local-gateway", 8081),
    ]
    .map { name, host, port in
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: \(name), namespace: istio-system}
      spec:
        hosts: [\(host).istio-system.svc.cluster.local]
        ports: [{number: 80, targetPort: \(port), name: http, protocol: HTTP}]
        resolution: STATIC
        endpoints: [{address: 1.1.1.1, labels: {istio.io/benchmark: "true"}}]
      """
    }
    let gateways = [("knative-ingress-gateway", 80), ("knative-local-gateway", 8081)].map {
      name, port in
      """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: \(name), namespace: knative-serving}
      spec:
        selector: {istio.io/benchmark: "true"}
        servers: [{hosts: ["*"], port: {name: http, number: \(port), protocol: HTTP}}]
      """
    }
    let suffixes = ["default", "default.svc", "default.svc.cluster.local"]
    let rules = (0..<count).flatMap { number in
      [
        knativeRule(
          "hello", number,
          hosts: suffixes.map { "hello.\($0)" } + ["hello.default.external.domain"],
          places: [
            ("hello.default", "knative-local-gateway"),
            ("hello.default.external.domain", "knative-ingress-gateway"),
          ]),
        knativeRule(
          "hello-private", number, hosts: suffixes.map { "hello-private.\($0)" },
          places: [("hello-private.default", "knative-local-gateway")]),
      ]
    }
    return Shape(
      name: "knative-gateway", documents: services + gateways + rules, kind: .router)
  }

  private static func knativeRule(
    _ name: String, _ number: Int, hosts: [String], places: [(authority: String, gateway: String)]
  ) -> String {
    let digest = "0647dfaebda7111f09cd1ee30dfb4cbdf540bcd47575c5f948106757b7110384"
    let rules = places.flatMap { authority, gateway in
      ["headers: {K-Network-Hash: {exact: override}}", ""].map { condition in
        let headers = "headers: {request: {set: {K-Network-Hash: \(digest)}}}"
        let match =
          "{authority: {prefix: \(authority)}, gateways: [knative-serving/\(gateway)]"
          + (condition.isEmpty ? "}" : ", \(condition)}")
        let destination =
          "{destination: {host: \(name)-\(number).default.svc.cluster.local, port: {number: 80}}, "
          + "headers: {request: {set: {Knative-Serving-Namespace: default, "
          + "Knative-Serving-Revision: \(name)-\(number)}}}, weight: 100}"
        return "  - {match: [\(match)], route: [\(destination)]"
          + (condition.isEmpty ? "}" : ", \(headers)}")
      }
    }
    return """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: \(name)-ingress-\(number), namespace: default}
      spec:
        gateways: [knative-serving/knative-ingress-gateway, knative-serving/knative-local-gateway]
        hosts: [\(hosts.joined(separator: ", "))]
        http:
      \(rules.joined(separator: "\n"))
      """
  }
}
