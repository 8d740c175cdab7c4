// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import HTTPServer

/// A page below `/debug/`: a function of a request and of the control plane's state.
public struct DebugPage: Sendable {
  /// The last part of its path.
  public let name: String
  /// What it shows, in a line for the index.
  public let description: String
  /// Whom it answers besides callers on this machine, and those of the system's namespace.
  public let audience: Audience
  /// Its answer.
  let respond: @Sendable (HTTPRequest, IntrospectionSources) -> HTTPResponse

  /// Whom a page answers.
  public enum Audience: Hashable, Sendable {
    /// Callers of the system's namespace.
    case system
    /// Those of a proxy's namespace too: the page shows what that proxy is served.
    case proxysNamespace
    /// Only callers on this machine: the page changes something.
    case machine
  }

  /// Its path.
  public var path: String { "/debug/" + name }

  init(
    _ name: String, _ description: String, for audience: Audience = .system,
    _ respond: @escaping @Sendable (HTTPRequest, IntrospectionSources) -> HTTPResponse
  ) {
    self.name = name
    self.description = description
    self.audience = audience
    self.respond = respond
  }
}

extension DebugPage {
  /// Every page, by name: a new page is a line here.
  public static let all: [DebugPage] = [
    DebugPage(
      "adsz", "The open streams: node metadata and watched resources",
      StreamPages.streams),
    DebugPage(
      "clusterz", "The clusters of the mesh, and how far each has been read", ClusterPage.respond),
    DebugPage(
      "config_dump", "What a proxy is served, as Envoy's config dump (?proxyID=)",
      for: .proxysNamespace, ConfigDumpPage.respond),
    DebugPage(
      "configz", "The configuration objects in use, and what is to be said of them",
      ConfigPage.respond),
    DebugPage("connections", "The open streams: address and age", StreamPages.connections),
    DebugPage(
      "diagnostics", "What is to be said of the configuration: refusals, conflicts, dead rules",
      DiagnosticsPage.respond),
    DebugPage(
      "ecdsz", "The filters that a proxy is served by name (?proxyID=)",
      ConfigDumpPage.page(of: .extensionConfig)),
    DebugPage(
      "edsz", "The endpoints that a proxy is served (?proxyID=)", for: .proxysNamespace,
      ConfigDumpPage.page(of: .endpoint)),
    DebugPage(
      "endpointShardz", "The endpoints of every service, by cluster", EndpointPage.respond),
    DebugPage(
      "endpointz", "The same; a line an endpoint with ?brief=true", EndpointPage.respond),
    DebugPage(
      "explain", "Where a proxy sends a request, what made it so, and what was passed over",
      ExplainPage.respond),
    DebugPage("list", "The names of these pages") { request, _ in
      .json(.texts(all.map(\.name).filter { $0 != "list" }), for: request)
    },
    DebugPage(
      "logging", "The log's levels; PUT with ?level=scope:level sets them", for: .machine,
      LoggingPage.respond),
    DebugPage("mesh", "The mesh configuration in use", MeshPage.respond),
    DebugPage(
      "nacks", "What proxies refused lately, and why", PushPages.refusals),
    DebugPage(
      "ndsz", "The names that a proxy's DNS is served (?proxyID=)", for: .proxysNamespace,
      ConfigDumpPage.page(of: .nameTable)),
    DebugPage(
      "push_status", "What contradicts itself or leads nowhere",
      PushStatusPage.respond),
    DebugPage("pushes", "The latest pushes", PushPages.pushes),
    DebugPage("registryz", "The services of the registry", RegistryPage.respond),
    DebugPage("resourcesz", "The kinds of objects that are read", ConfigPage.kinds),
    DebugPage(
      "rollout", "Which proxies have an object's newest version (?kind=&name=&namespace=)",
      RolloutPage.respond),
    DebugPage("syncz", "How far each proxy follows", SyncPage.respond),
  ]
}
