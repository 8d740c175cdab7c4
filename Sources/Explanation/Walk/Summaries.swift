// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

extension Envoy.FilterChainMatch {
  /// What a chain is for, a phrase each.
  var summary: [String] {
    var parts: [String] = []
    if let destinationPort { parts.append("port \(destinationPort)") }
    if !prefixRanges.isEmpty {
      parts.append(
        "to "
          + prefixRanges.map { "\($0.addressPrefix)/\($0.prefixLen ?? 0)" }.joined(separator: " "))
    }
    if !serverNames.isEmpty { parts.append("SNI " + serverNames.joined(separator: " ")) }
    if !transportProtocol.isEmpty { parts.append("transport " + transportProtocol) }
    if !applicationProtocols.isEmpty {
      parts.append("ALPN " + applicationProtocols.joined(separator: " "))
    }
    return parts
  }
}

extension Envoy.FilterChain {
  /// What a chain is for and does, a phrase each.
  var summary: [String] {
    var parts: [String] = []
    let asked = filterChainMatch.map(\.summary) ?? []
    if !asked.isEmpty { parts.append("for " + asked.joined(separator: ", ")) }
    if let socket = transportSocket { parts.append("ends TLS (\(socket.name))") }
    let names = filters.map { $0.name.split(separator: ".").last.map(String.init) ?? $0.name }
    parts.append("filters: " + names.joined(separator: ", "))
    return parts
  }
}

extension Envoy.RouteAction {
  /// What a route does besides sending the request on, a phrase each.
  var summary: [String] {
    var parts: [String] = []
    if !prefixRewrite.isEmpty { parts.append("rewrites the matched prefix to \(prefixRewrite)") }
    if let regexRewrite {
      parts.append(
        "rewrites \(regexRewrite.pattern?.regex ?? "") in the path to \(regexRewrite.substitution)")
    }
    if let hostRewriteLiteral { parts.append("rewrites the host to \(hostRewriteLiteral)") }
    if autoHostRewrite == true { parts.append("rewrites the host to the endpoint's name") }
    if let timeout { parts.append(timeout == .zero ? "no timeout" : "timeout \(seconds(timeout))") }
    if let retryPolicy, !retryPolicy.retryOn.isEmpty {
      let times = retryPolicy.numRetries ?? 1
      let each = retryPolicy.perTryTimeout.map { ", each \(seconds($0))" } ?? ""
      parts.append("\(times) retries\(each) on \(retryPolicy.retryOn)")
    }
    for mirror in requestMirrorPolicies {
      let share = mirror.runtimeFraction?.defaultValue.map { " (\($0.percent) %)" } ?? ""
      parts.append("mirrors to \(mirror.cluster)\(share)")
    }
    if !hashPolicy.isEmpty { parts.append("keeps equal hashes on one endpoint") }
    return parts
  }
}

extension Envoy.HTTPFault {
  /// The faults that are put in, a phrase each.
  var summary: [String] {
    var parts: [String] = []
    if let delay, let time = delay.fixedDelay {
      parts.append("delays \(delay.percentage?.percent ?? "0") % by \(seconds(time))")
    }
    if let abort {
      let with =
        abort.httpStatus.map { "\($0)" } ?? abort.grpcStatus.map { "gRPC status \($0)" }
        ?? "an error"
      parts.append("answers \(abort.percentage?.percent ?? "0") % with \(with)")
    }
    return parts
  }
}

extension Envoy.FractionalPercent {
  /// The percentage as text, such as `50` or `0.1`.
  var percent: String {
    let scale =
      switch denominator {
      case .hundred: 1.0
      case .tenThousand: 100.0
      default: 10_000.0
      }
    let value = Double(numerator) / scale
    return value == value.rounded() ? "\(Int(value))" : "\(value)"
  }
}

/// A duration in seconds, such as `1.5s`.
func seconds(_ duration: Duration) -> String {
  let value = duration / .seconds(1)
  return value == value.rounded() ? "\(Int(value))s" : "\(value)s"
}
