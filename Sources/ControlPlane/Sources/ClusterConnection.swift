// SPDX-License-Identifier: Apache-2.0

import Flags
import HTTPClient
import KubernetesClient
import KubernetesSource
import MeshModel

/// The cluster that the control plane reads and writes: how it is reached, and the connections to it.
struct ClusterConnection: Sendable {
  /// How its API server is reached.
  let configuration: ClusterConfiguration
  /// The connections, which all clients share.
  let http: HTTPClient
  /// Who asks: all requests but those for locks share its budget.
  let client: KubernetesClient
  /// What objects' status says of analyses; nil where nobody asks.
  let reports: AnalysisReports?

  /// The cluster that the options name.
  ///
  /// - Throws: That the API server, or who asks it, is not known.
  init(_ options: ControlPlaneOptions) throws {
    configuration = try ClusterConnection.configuration(options)
    http = try HTTPClient()
    client = KubernetesClient(
      configuration, http: http,
      budget: RequestBudget(perSecond: options.kubernetesQPS, burst: options.kubernetesBurst))
    reports = options.settings.writesAnalyses ? AnalysisReports() : nil
  }

  private static func configuration(_ options: ControlPlaneOptions) throws -> ClusterConfiguration {
    if !options.kubeconfig.isEmpty {
      return try Kubeconfig(file: options.kubeconfig).configuration(
        runsPrograms: options.runsCredentialPrograms)
    }
    guard let configuration = options.inCluster else {
      throw FlagError(
        "Nothing says what to serve: give --configDir or --kubeconfig, or run in a cluster.")
    }
    return configuration
  }
}

extension MeshSettings {
  /// Whether what analyzers find is written into objects' status.
  var writesAnalyses: Bool { feature("PILOT_ENABLE_ANALYSIS", default: false) }
}
