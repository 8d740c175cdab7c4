// SPDX-License-Identifier: Apache-2.0

extension Locality {
  /// The place that a workload's labels tell, by its topology or by hand; nil where they do not.
  public init?(labels: [String: String]) {
    let names = [WellKnownLabel.region, WellKnownLabel.zone, WellKnownLabel.subzone]
    let found = names.map { labels[$0] }
    if found.contains(where: { $0 != nil }) {
      self.init(region: found[0] ?? "", zone: found[1] ?? "", subzone: found[2] ?? "")
      return
    }
    guard let written = WellKnownLabel.locality(labels) else { return nil }
    self = written
  }
}

extension [String: String] {
  /// These labels of a workload, and those of its place in the mesh.
  public func placed(
    _ locality: Locality, cluster: String, node: String, network: String
  ) -> [String: String] {
    var labels = self
    for (name, value) in [
      (WellKnownLabel.region, locality.region), (WellKnownLabel.zone, locality.zone),
      (WellKnownLabel.subzone, locality.subzone), (WellKnownLabel.cluster, cluster),
      (WellKnownLabel.node, node),
    ] where !value.isEmpty { labels[name] = value }
    if !network.isEmpty, labels[WellKnownLabel.network, default: ""].isEmpty {
      labels[WellKnownLabel.network] = network
    }
    return labels
  }
}
