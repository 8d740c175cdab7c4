// SPDX-License-Identifier: Apache-2.0

/// Writes the objects of shapes as YAML.
enum Documents {
  /// The number-th address below two given bytes.
  static func address(_ prefix: String, _ number: Int) -> String {
    "\(prefix).\(number / 255).\(number % 255)"
  }

  /// An endpoint of a ServiceEntry.
  static func endpoint(_ address: String, isMutual: Bool = false) -> String {
    let labels = isMutual ? ", labels: {security.istio.io/tlsMode: istio}" : ""
    return "{address: \(address)\(labels)}"
  }

  /// The service `random-N.host.example`, with HTTP on port 80 and one endpoint.
  static func plainEntry(_ number: Int) -> String {
    serviceEntry(
      "service-\(number)", host: "random-\(number).host.example", ports: ["80 http HTTP"],
      endpoints: [endpoint("1.2.3.4")], isInternal: false)
  }

  /// A ServiceEntry with STATIC resolution; a port is written `NUMBER NAME PROTOCOL`.
  static func serviceEntry(
    _ name: String, host: String, ports: [String], address: String? = nil,
    endpoints: [String] = [], selector: String? = nil, isInternal: Bool = true
  ) -> String {
    let ports = ports.map { text in
      let parts = text.split(separator: " ", omittingEmptySubsequences: false)
      return "{number: \(parts[0]), name: \(parts[1]), protocol: \"\(parts[2])\"}"
    }
    var lines = [
      "apiVersion: networking.istio.io/v1", "kind: ServiceEntry",
      "metadata: {name: \(name), namespace: default}", "spec:", "  hosts: [\(host)]",
      "  ports: [\(ports.joined(separator: ", "))]", "  resolution: STATIC",
    ]
    if isInternal { lines.append("  location: MESH_INTERNAL") }
    if let address { lines.append("  addresses: [\(address)]") }
    if let selector { lines.append("  workloadSelector: {labels: {\(selector)}}") }
    if !endpoints.isEmpty {
      lines.append("  endpoints:")
      lines += endpoints.map { "  - \($0)" }
    }
    return lines.joined(separator: "\n")
  }
}
