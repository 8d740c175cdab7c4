// SPDX-License-Identifier: Apache-2.0

public import Configuration

extension ServiceSources {
  /// The objects that tell of a service's endpoints: its EndpointSlices, and the WorkloadEntries and
  /// Pods that it selects; sorted by kind and name.
  public func endpointObjects(of service: MeshService) -> [ObjectKey] {
    var found: [ObjectKey] = []
    if service.registry == .kubernetes {
      found += tables.endpointSlices.values.filter { slice in
        slice.meta.namespace == service.namespace
          && slice.meta.labels[WellKnownLabel.sliceService] == service.name
      }.map(\.key)
    }
    guard !service.selector.isEmpty else { return found.sortedByText() }
    found += tables.workloadEntries.values.filter { entry in
      entry.meta.namespace == service.namespace
        && selects(service.selector, entry.spec.labels.merging(entry.meta.labels) { $1 })
    }.map(\.key)
    if service.registry == .external {
      found += workloads.pods(namespace: service.namespace, selector: service.selector)
        .map(\.pod.key)
    }
    return found.sortedByText()
  }
}

extension [ObjectKey] {
  fileprivate func sortedByText() -> [ObjectKey] { sorted { $0.description < $1.description } }
}
