// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a WorkloadGroup.
  mutating func check(_ object: ConfigObject<Istio.WorkloadGroup>, _ path: FieldPath) {
    require(object.spec.template != nil, path["template"], "must be given")
    labels(object.spec.metadata?.labels ?? [:], path["metadata"]["labels"])
    if let probe = object.spec.probe { check(probe, path["probe"]) }
  }

  private mutating func check(_ probe: Istio.ReadinessProbe, _ path: FieldPath) {
    for (field, value) in [
      ("periodSeconds", probe.periodSeconds), ("initialDelaySeconds", probe.initialDelaySeconds),
      ("timeoutSeconds", probe.timeoutSeconds), ("successThreshold", probe.successThreshold),
      ("failureThreshold", probe.failureThreshold),
    ] {
      require(value >= 0, path[field], "must not be negative")
    }
    switch probe.healthCheckMethod {
    case .httpGet(let get):
      let here = path["httpGet"]
      port(get.port, here["port"])
      require(
        ["", "HTTP", "HTTPS"].contains(get.scheme), here["scheme"], "must be HTTP or HTTPS")
      for (index, header) in get.httpHeaders.enumerated() {
        require(
          Names.isProbeHeader(header.name), here["httpHeaders"][index]["name"],
          "\"\(header.name)\" is not a name of a header")
      }
    case .tcpSocket(let socket): port(socket.port, path["tcpSocket"]["port"])
    case .exec(let exec):
      require(!exec.command.isEmpty, path["exec"]["command"], "must be given")
    case .grpc: error(path["grpc"], "is not supported")
    case nil: error(path, "must have httpGet, tcpSocket or exec")
    }
  }
}

extension Names {
  /// Letters, digits and `-`.
  static func isProbeHeader(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 == UInt8(ascii: "-") || isAlphanumeric($0) }
  }

  /// Letters, digits, `-` and `_`: what a header may be named that a claim is written to.
  static func isStrictHeader(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { "-_".utf8.contains($0) || isAlphanumeric($0) }
  }
}
