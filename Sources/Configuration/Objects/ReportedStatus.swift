// SPDX-License-Identifier: Apache-2.0

import JSON

/// What controllers have written about an object, as far as it counts for others: of ServiceEntries and
/// WorkloadEntries alone, so that no other status makes an object differ.
public struct ReportedStatus: Hashable, Sendable {
  /// The addresses that were given to hosts, by host (`status.addresses` of a ServiceEntry).
  public var addresses: [String: [String]] = [:]
  /// The condition `Healthy` of a WorkloadEntry; nil where nobody has said so far.
  public var isHealthy: Bool?

  /// Nothing.
  public init() {}

  /// Reads the member `status` of an object of `kind`; what cannot be read is passed over.
  init(_ json: JSONValue?, of kind: ResourceKind) {
    switch kind {
    case Istio.ServiceEntry.kind:
      for entry in json?["addresses"]?.array ?? [] {
        guard let host = entry["host"]?.string, let address = entry["value"]?.string else {
          continue
        }
        addresses[host, default: []].append(address)
      }
    case Istio.WorkloadEntry.kind:
      let healthy = json?["conditions"]?.array?.first { $0["type"]?.string == "Healthy" }
      isHealthy = healthy?["status"]?.string.map { $0.lowercased() == "true" }
    default: return
    }
  }
}
