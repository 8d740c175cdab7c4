// SPDX-License-Identifier: Apache-2.0

extension Shape {
  /// All that is measured, in istiod's order, with istiod's sizes.
  static var all: [Shape] {
    [
      gateways(1000), sharedGateway(1000), knativeGateway(100),
      services("http", 100, ["80 http HTTP"]),
      services("tcp", 100, ["7070 tcp TCP"], outputs: [.snapshot, .clusters, .listeners]),
      services("tls", 100, ["7070 tls TLS"], outputs: [.snapshot, .clusters, .listeners]),
      services("auto", 100, ["7070 auto "]),
      inbound("strict", mode: "STRICT"), inbound("disabled", mode: "DISABLE"),
      externalNames(100), telemetry(100), virtualServices(100), workloadEntries(100, 1000),
      services("tcp", 1000, ["7070 tcp TCP"], outputs: [.nameTable]),
      endpoints(1, services: 100), endpoints(10, services: 10), endpoints(100, services: 10),
      endpoints(1000, services: 1),
    ]
  }

  /// One port a protocol.
  private static let fourPorts = ["80 http HTTP", "7070 tcp TCP", "443 https HTTPS", "9090 auto "]

  // MARK: Services

  private static func services(
    _ name: String, _ count: Int, _ ports: [String],
    outputs: [Output] = [.snapshot, .clusters, .listeners, .routes]
  ) -> Shape {
    let others = (0..<count).map { number in
      Documents.serviceEntry(
        "service-\(number)", host: "random-\(number).host.example", ports: ports,
        address: Documents.address("240.240", number),
        endpoints: [Documents.endpoint(Documents.address("240.241", number), isMutual: true)])
    }
    return Shape(name: name, documents: [own(ports, isMutual: true)] + others, outputs: outputs)
  }

  /// The service that the proxy stands before.
  private static func own(_ ports: [String], isMutual: Bool = false) -> String {
    Documents.serviceEntry(
      "proxy-service-instance", host: "example.com", ports: ports,
      endpoints: [Documents.endpoint("1.1.1.1", isMutual: isMutual)])
  }

  private static func externalNames(_ count: Int) -> Shape {
    let services = (0..<count).map { number in
      """
      apiVersion: v1
      kind: Service
      metadata: {name: service-\(number), namespace: default}
      spec:
        type: ExternalName
        externalName: random-\(number).example.com
        ports: [{port: 80, name: http}]
      """
    }
    return Shape(name: "externalname", documents: [own(["80 http HTTP"])] + services)
  }

  private static func workloadEntries(_ services: Int, _ workloads: Int) -> Shape {
    let entries = (0..<services).map { number in
      Documents.serviceEntry(
        "service-\(number)", host: "random-\(number).host.example", ports: fourPorts,
        selector: "app: random-\(number)")
    }
    let workloads = (0..<workloads).map { number in
      """
      apiVersion: networking.istio.io/v1
      kind: WorkloadEntry
      metadata: {name: random-\(number), namespace: default}
      spec:
        serviceAccount: random
        address: \(Documents.address("240.241", number))
        labels: {app: random-\(number % services)}
      """
    }
    return Shape(
      name: "serviceentry-workloadentry",
      documents: [own(fourPorts, isMutual: true)] + entries + workloads)
  }

  // MARK: Policies

  private static func inbound(_ name: String, mode: String) -> Shape {
    let policy = """
      apiVersion: security.istio.io/v1
      kind: PeerAuthentication
      metadata: {name: default, namespace: default}
      spec: {mtls: {mode: \(mode)}}
      """
    return Shape(name: name, documents: [own(fourPorts), policy], outputs: [.listeners])
  }

  private static func telemetry(_ count: Int) -> Shape {
    let telemetry = """
      apiVersion: telemetry.istio.io/v1
      kind: Telemetry
      metadata: {name: telemetry, namespace: istio-system}
      spec:
        metrics: [{providers: [{name: prometheus}]}]
        accessLogging: [{providers: [{name: envoy-json}]}]
      """
    let services = (0..<count).map { number in
      Documents.serviceEntry(
        "service-\(number)", host: "random-\(number).host.example", ports: fourPorts,
        endpoints: [Documents.endpoint("1.2.3.4")])
    }
    return Shape(name: "telemetry-api", documents: [telemetry, own(fourPorts)] + services)
  }

  private static func virtualServices(_ count: Int) -> Shape {
    let pairs = (0..<count).flatMap { number in
      [
        Documents.plainEntry(number),
        """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: vs-\(number), namespace: default}
        spec:
          hosts: [random-\(number).host.example]
          http:
          - name: match-route
            match: [{uri: {prefix: /foo}}, {uri: {regex: /bar}}]
            rewrite: {uri: /new-url}
            route: [{destination: {host: random-\(number).host.example}}]
        """,
      ]
    }
    return Shape(name: "virtualservice", documents: [own(["80 http HTTP"])] + pairs)
  }

  // MARK: Endpoints

  /// Services of endpoints in four networks, under three PeerAuthentications.
  private static func endpoints(_ count: Int, services: Int) -> Shape {
    let policies = [
      ("global", "istio-system", "mtls: {mode: PERMISSIVE}"),
      ("namespace", "default", "mtls: {mode: DISABLE}"),
      (
        "selector", "default",
        "selector: {matchLabels: {type: eds-benchmark}}, mtls: {mode: DISABLE}"
      ),
    ].map { name, namespace, spec in
      """
      apiVersion: security.istio.io/v1
      kind: PeerAuthentication
      metadata: {name: \(name), namespace: \(namespace)}
      spec: {\(spec)}
      """
    }
    let entries = (0..<services).map { number in
      Documents.serviceEntry(
        "foo-\(number)", host: "foo-\(number).com", ports: ["80 http-port HTTP"],
        endpoints: (0..<count).map { place in
          "{address: \(Documents.address("111.0", place)), network: network-\(place % 4), "
            + "serviceAccount: something, labels: {type: eds-benchmark, app: foo-\(number)}}"
        })
    }
    return Shape(
      name: "endpoints \(count)/\(services)", documents: policies + entries,
      outputs: [.endpoints], networks: 4)
  }
}
