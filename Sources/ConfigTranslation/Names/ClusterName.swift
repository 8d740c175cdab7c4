// SPDX-License-Identifier: Apache-2.0

/// The name of a cluster that belongs to a service: `direction|port|subset|host`, or the form of
/// SNI, `direction_.port_.subset_.host` (Istio's BuildSubsetKey and BuildDNSSrvSubsetKey).
public struct ClusterName: Hashable, Sendable, CustomStringConvertible {
  /// Which way the traffic goes.
  public enum Direction: String, Hashable, Sendable {
    /// To other workloads.
    case outbound
    /// To the proxy's own workload.
    case inbound
  }

  /// Which way the traffic goes.
  public var direction: Direction
  /// The service's port; for inbound the workload's.
  public var port: UInt32
  /// The DestinationRule's subset, empty for the whole service.
  public var subset: String
  /// The service's host, empty for inbound.
  public var host: String

  /// A name of its parts.
  public init(_ direction: Direction, port: UInt32, subset: String = "", host: String = "") {
    self.direction = direction
    self.port = port
    self.subset = subset
    self.host = host
  }

  /// The parts of a name, nil for names of another form.
  public init?(_ text: String) {
    let bar = UInt8(ascii: "|")
    let parts =
      text.utf8.contains(bar)
      ? text.utf8.split(separator: bar, omittingEmptySubsequences: false)
        .map { String(Substring($0)) } : ClusterName.serverNameParts(text)
    guard parts.count == 4, let direction = Direction(rawValue: parts[0]),
      let port = UInt32(parts[1])
    else { return nil }
    self.init(direction, port: port, subset: parts[2], host: parts[3])
  }

  /// `outbound|80|v1|reviews.default.svc.cluster.local`.
  public var description: String { "\(direction.rawValue)|\(port)|\(subset)|\(host)" }

  /// `outbound_.80_.v1_.reviews.default.svc.cluster.local`.
  public var serverName: String { "\(direction.rawValue)_.\(port)_.\(subset)_.\(host)" }

  private static func serverNameParts(_ text: String) -> [String] {
    var parts: [String] = []
    var rest = Substring(text)
    while parts.count < 3 {
      guard let end = rest.firstRange(of: "_.") else { return [] }
      parts.append(String(rest[..<end.lowerBound]))
      rest = rest[end.upperBound...]
    }
    return parts + [String(rest)]
  }
}

extension ClusterName {
  /// Where traffic goes that nothing else is known of: to where it was sent.
  public static let passthrough = "PassthroughCluster"
  /// Where traffic ends that must go nowhere.
  public static let blackHole = "BlackHoleCluster"
  /// Where inbound traffic goes to ports that no service has.
  public static let inboundPassthrough = "InboundPassthroughCluster"
}
