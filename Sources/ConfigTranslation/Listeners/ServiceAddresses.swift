// SPDX-License-Identifier: Apache-2.0

import MeshModel
public import ServiceDiscovery

/// The address that stands for none.
let unspecifiedAddress = "0.0.0.0"

extension ProxyContext {
  /// Whether the proxy is given the addresses that the mesh allocated: where its DNS is captured,
  /// so that clients see them (Istio's nodeUsesAutoallocatedIPs).
  private var usesAllocatedAddresses: Bool {
    node.isTrue("DNS_CAPTURE")
      && (node.isTrue("DNS_AUTO_ALLOCATE")
        || settings.feature("PILOT_ENABLE_IP_AUTOALLOCATE", default: true))
  }

  /// The address that clients beside the proxy use for a service: an IP, a range, or
  /// ``unspecifiedAddress`` where it has none.
  func address(of service: MeshService) -> String {
    let own = service.addresses[node.cluster] ?? []
    let families = addressFamilies
    if service.registry == .kubernetes, let fitting = families.filter(own).first { return fitting }
    if let first = fallbackAddress(of: service) { return first }
    if usesAllocatedAddresses,
      let allocated = families.filter(service.autoAllocated).first
    {
      return allocated
    }
    return unspecifiedAddress
  }

  /// The address that clients beside the proxy connect to for a service; nil where it has none of its
  /// own, as headless ones.
  public func clientAddress(of service: MeshService) -> String? {
    let address = address(of: service)
    guard address != unspecifiedAddress else { return nil }
    // Of a range the first address stands for all.
    return String(address.prefix { $0 != "/" })
  }

  /// The further addresses of a service, where there are several.
  func extraAddresses(of service: MeshService) -> [String] {
    Array(allAddresses(of: service).dropFirst())
  }

  /// All addresses that clients beside the proxy may use for a service.
  func allAddresses(of service: MeshService) -> [String] {
    var addresses =
      service.registry == .kubernetes ? service.addresses[node.cluster] ?? [] : []
    if addresses.isEmpty, usesAllocatedAddresses { addresses = service.autoAllocated }
    let families = addressFamilies
    if !families.isDualStackEnabled || !families.isDual { addresses = families.filter(addresses) }
    if !addresses.isEmpty { return addresses }
    guard let fallback = fallbackAddress(of: service) else { return [unspecifiedAddress] }
    // An address of Kubernetes that the proxy cannot connect to is none; those of a ServiceEntry are
    // only compared.
    return service.registry == .kubernetes ? families.filter([fallback]) : [fallback]
  }

  /// The address of a service that has none in the proxy's cluster: another cluster's, or that of
  /// its ServiceEntry, whatever its family.
  private func fallbackAddress(of service: MeshService) -> String? {
    if service.registry == .external {
      return service.addresses.sorted { $0.key < $1.key }.lazy.compactMap(\.value.first).first
    }
    return service.addresses[settings.cluster]?.first
      ?? service.addresses.sorted { $0.key < $1.key }.lazy.compactMap(\.value.first).first
  }
}

extension MeshService {
  /// The service once for each of its addresses, where a ServiceEntry gives it several.
  var perAddress: [MeshService] {
    guard registry == .external,
      let (cluster, several) = addresses.sorted(by: { $0.key < $1.key })
        .first(where: { $0.value.count > 1 })
    else { return [self] }
    return several.map { address in
      var service = self
      service.addresses[cluster] = [address]
      return service
    }
  }
}
