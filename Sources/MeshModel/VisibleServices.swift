// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

/// The services of a mesh by who may see them: what is the same for all namespaces is arranged once.
final class VisibleServices: Sendable {
  /// Those that every namespace sees, oldest first.
  let open: [MeshService]
  /// The others, oldest first.
  let hidden: [MeshService]
  /// ``open`` by host; nil where two have one host, so that it depends on the namespace which counts.
  let byHost: [Hostname: MeshService]?
  /// Tells ``open`` from others.
  let tag = Tag()

  init(_ services: [MeshService], settings: MeshSettings) {
    let standard = settings.mesh.defaultServiceExportTo
    let isOpenByDefault = standard.isEmpty || standard.contains("*")
    var (open, hidden): ([MeshService], [MeshService]) = ([], [])
    for service in services {
      let exportTo = service.exportTo
      if exportTo.isEmpty ? isOpenByDefault : exportTo.contains("*") {
        open.append(service)
      } else {
        hidden.append(service)
      }
    }
    let byHost = Dictionary(open.map { ($0.hostname, $0) }) { first, _ in first }
    self.byHost = byHost.count == open.count ? byHost : nil
    self.open = open
    self.hidden = hidden
  }

  /// Whether a list is ``open`` itself.
  func isOpen(_ services: [MeshService]) -> Bool {
    services.count == open.count
      && services.withUnsafeBufferPointer { mine in
        open.withUnsafeBufferPointer { mine.baseAddress == $0.baseAddress }
      }
  }
}
