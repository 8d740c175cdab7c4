// SPDX-License-Identifier: Apache-2.0

/// A kind of finding: Istio's code, name and level, as `istioctl analyze` has them.
public struct AnalysisMessage: Hashable, Sendable {
  /// How bad it is.
  public enum Level: String, Hashable, Sendable, Comparable, CaseIterable {
    /// Worth knowing.
    case info = "Info"
    /// Perhaps not as meant.
    case warning = "Warning"
    /// Not as meant.
    case error = "Error"

    /// Whether `left` is less bad.
    public static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

    private var rank: Int {
      switch self {
      case .info: 0
      case .warning: 1
      case .error: 2
      }
    }
  }

  /// The code, such as `IST0101`; `NAV…` for what Istio has no code for.
  public let code: String
  /// The name, such as `ReferencedResourceNotFound`.
  public let name: String
  /// How bad it is.
  public let level: Level

  private init(_ code: String, _ name: String, _ level: Level) {
    self.code = code
    self.name = name
    self.level = level
  }
}

extension AnalysisMessage {
  /// Something that is referred to is not there.
  public static let notFound = Self("IST0101", "ReferencedResourceNotFound", .error)
  /// Two VirtualServices of the mesh are for one host.
  public static let conflictingHosts = Self(
    "IST0109", "ConflictingMeshGatewayVirtualServiceHosts", .error)
  /// Several Sidecars select one Pod.
  public static let conflictingSidecars = Self(
    "IST0110", "ConflictingSidecarWorkloadSelectors", .error)
  /// Several Sidecars of a namespace have no selector.
  public static let severalDefaultSidecars = Self(
    "IST0111", "MultipleSidecarsWithoutWorkloadSelectors", .error)
  /// A destination of several ports names none.
  public static let portRequired = Self(
    "IST0112", "VirtualServiceDestinationPortSelectorRequired", .error)
  /// A port's name does not say what is spoken.
  public static let portName = Self("IST0118", "PortNameIsNotUnderNamingConvention", .info)
  /// TLS to a destination is not verified.
  public static let unverifiedTLS = Self(
    "IST0128", "NoServerCertificateVerificationDestinationLevel", .warning)
  /// TLS to a port of a destination is not verified.
  public static let unverifiedPortTLS = Self(
    "IST0129", "NoServerCertificateVerificationPortLevel", .warning)
  /// A rule stands behind one that takes all.
  public static let unreachableRule = Self("IST0130", "VirtualServiceUnreachableRule", .warning)
  /// A match stands behind one that covers it.
  public static let ineffectiveMatch = Self("IST0131", "VirtualServiceIneffectiveMatch", .info)
  /// No host of a VirtualService is one of its Gateway's.
  public static let hostNotInGateway = Self(
    "IST0132", "VirtualServiceHostNotFoundInGateway", .warning)
  /// A ServiceEntry with a TCP port has no address to tell it by.
  public static let addressesRequired = Self("IST0134", "ServiceEntryAddressesRequired", .warning)
  /// Gateways of one workload serve one certificate.
  public static let duplicateCertificate = Self("IST0138", "GatewayDuplicateCertificate", .warning)
  /// The subsets of a mesh's VirtualService do not count for a gateway's requests.
  public static let subsetsNotAtGateway = Self("IST0140", "IngressRouteRulesNotAffected", .warning)
  /// Gateways of one workload have a host on one port.
  public static let conflictingGateways = Self("IST0145", "ConflictingGateways", .error)
  /// Routes ask for claims, and nothing checks tokens.
  public static let claimsUnchecked = Self(
    "IST0149", "JwtClaimBasedRoutingWithoutRequestAuthN", .error)
  /// An ExternalName Service's port is named `tcp`.
  public static let externalNamePort = Self(
    "IST0150", "ExternalNameServiceTypeInvalidPortName", .warning)
  /// Several Telemetry objects select one Pod.
  public static let conflictingTelemetries = Self(
    "IST0159", "ConflictingTelemetryWorkloadSelectors", .error)
  /// Several Telemetry objects of a namespace have no selector.
  public static let severalDefaultTelemetries = Self(
    "IST0160", "MultipleTelemetriesWithoutWorkloadSelectors", .error)
  /// A Gateway's credential is no certificate that can be served.
  public static let badCredential = Self("IST0161", "InvalidGatewayCredential", .error)
  /// A Gateway's port is none of its Service's.
  public static let gatewayPort = Self("IST0162", "GatewayPortNotDefinedOnService", .warning)
  /// A VirtualService names a Gateway that was made of one of the Gateway API.
  public static let internalGateway = Self("IST0165", "ReferencedInternalGateway", .warning)
  /// A subset's labels are no Pod's.
  public static let emptySubset = Self("IST0173", "DestinationRuleSubsetNotSelectPods", .error)
  /// A DestinationRule's host is no service.
  public static let unknownRuleHost = Self("IST0174", "UnknownDestinationRuleHost", .warning)
  /// ServiceEntries give one port of a host different protocols.
  public static let conflictingProtocols = Self(
    "IST0177", "ConflictingServiceEntryProtocol", .warning)
  /// Two DestinationRules of one host name one subset.
  public static let duplicateSubset = Self("NAV0001", "DuplicateSubset", .warning)
}
