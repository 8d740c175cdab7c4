// SPDX-License-Identifier: Apache-2.0

import Bytes
import DiscoveryProtocol
public import DiscoveryServer
public import EnvoyAPI
import HTTPServer
import JSON
import MeshModel

/// What istioctl asks over xDS: pages as `istio.io/debug`, how proxies follow as
/// `istio.io/debug/syncz`, and what one is served as `istio.io/debug/config_dump`.
///
/// As in istiod a caller has to prove who it is; one of another namespace than the control plane's
/// is told of proxies of its own namespace only.
public struct DebugAnswers: Sendable {
  /// Who may know what.
  public struct Policy: Hashable, Sendable {
    /// The control plane's namespace, whose callers may know all.
    public var systemNamespace: String
    /// Whether callers are told apart, but for pages, where they always are
    /// (`ENABLE_DEBUG_ENDPOINT_AUTH`).
    public var asksCallers = true
    /// Further namespaces whose callers may know of all proxies
    /// (`DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES`).
    public var trustedNamespaces: Set<String> = []

    /// A policy with one namespace whose callers may know all.
    public init(systemNamespace: String) { self.systemNamespace = systemNamespace }
  }

  private let sources: IntrospectionSources
  private let policy: Policy
  /// The pages that callers of any namespace may ask for, of their own proxies.
  private static let openPages: Set = ["config_dump", "ndsz", "edsz"]

  /// Answers from a control plane's state.
  public init(_ sources: IntrospectionSources, _ policy: Policy) {
    self.sources = sources
    self.policy = policy
  }

  /// Answers a question; of a type that is none of ours nothing.
  public func answer(_ question: DebugQuestion) throws(DebugRefusal) -> [EncodedResource] {
    guard question.type.url != DebugQuestion.prefix else { return [try page(question)] }
    let namespace = try namespace(of: question)
    let sources = namespace.map(sources.limited) ?? sources
    switch question.type.url.dropFirst(DebugQuestion.prefix.count + 1) {
    case "syncz": return SyncPage.clients(sources)
    case "config_dump":
      guard question.names.count == 1, let name = question.names.first,
        let request = HTTPRequest(.get, "/debug/config_dump?proxyID=\(name)"),
        case .found(let connection) = ProxyLookup(request, sources),
        let view = sources.resources(connection.node.id)
      else { return [] }
      return ConfigDump.messages(of: ServedResources(view, connection))
    default: return []
    }
  }

  /// The namespace of whose proxies the caller is told; nil for all.
  private func namespace(of question: DebugQuestion) throws(DebugRefusal) -> String? {
    guard policy.asksCallers else { return nil }
    guard let namespace = question.namespace else { throw DebugAnswers.unproved }
    let isTrusted =
      namespace == policy.systemNamespace || policy.trustedNamespaces.contains(namespace)
    return isTrusted ? nil : namespace
  }

  private static let unproved = DebugRefusal(.unauthenticated, "authentication required")

  /// What a page below `/debug/` answers, in a message that is its bytes.
  private func page(_ question: DebugQuestion) throws(DebugRefusal) -> EncodedResource {
    guard let caller = question.namespace else { throw DebugAnswers.unproved }
    guard question.names.count == 1, let name = question.names.first,
      let request = HTTPRequest(.get, "/debug/\(name)")
    else { throw DebugRefusal(.invalid, "exactly one debug request is required") }
    let isSystem = caller == policy.systemNamespace
    guard isSystem || Self.openPages.contains(String(request.path.dropFirst("/debug/".count)))
    else {
      throw DebugRefusal(
        .denied, "the debug info is not available for current identity, of namespace \(caller)")
    }
    let isTrusted = isSystem || policy.trustedNamespaces.contains(caller)
    let known = isTrusted ? sources : sources.limited(toProxiesOf: caller)
    let response = DebugPages.answer(request, from: known)
    let bytes = response.body.flatMap { $0.withUnsafeBytes { Array($0) } }
    return bytes.withUnsafeBytes {
      EncodedResource(type: question.type, name: name, packed: $0)
    }
  }
}

extension EncodedResource {
  /// A message of protobuf's JSON with `@type`; nil where it is none that is known here.
  static func message(_ json: JSONValue, name: String = "") -> EncodedResource? {
    guard case .object(var object) = json, let url = object["@type"]?.string,
      let type = MessageType(typeURL: url)
    else { return nil }
    object["@type"] = nil
    return Arena.scope { arena in
      let slot = arena.make(type)
      guard (try? slot.read(.object(object))) != nil else { return nil }
      return EncodedResource(type: ResourceType(url: url), name: name, message: slot)
    }
  }
}
