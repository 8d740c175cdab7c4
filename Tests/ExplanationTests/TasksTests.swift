// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

@testable import Explanation

/// Istio's documented tasks: which request reaches which cluster of the generated configuration.
struct TasksTests {
  /// The tasks on traffic whose objects are read, by id.
  private static let playable: [String] = TaskCorpus.tasks.filter { task in
    let areas = ["traffic-management", "ingress", "egress", "examples"]
    let unread: Set = [
      "HTTPRoute", "TCPRoute", "TLSRoute", "Ingress", "PeerAuthentication", "Endpoints",
    ]
    let files = (task["setup_files"]?.array ?? []) + (task["resource_files"]?.array ?? [])
    return areas.contains(task["area"]?.string ?? "")
      && !files.contains { $0.string?.contains("/gateway-api/") ?? false }
      && !(task["resources"]?.array ?? []).contains { unread.contains($0["kind"]?.string ?? "") }
      && (task["checks"]?.array ?? []).contains { !expectations($0).isEmpty }
  }.compactMap { $0["id"]?.string }

  /// What of a check is about where a request goes; the rest is for a real Envoy to show.
  private static func expectations(_ check: JSONValue) -> [String: JSONValue] {
    let seen: Set = ["subset", "service", "weights", "cluster", "status", "connection_reset"]
    let members = check["expect"]?.object?.members ?? []
    return Dictionary(
      members.filter { member in
        let late: Set<JSONValue> = [500, 504]
        return seen.contains(member.key) && !(member.key == "status" && late.contains(member.value))
      }.map { ($0.key, $0.value) }
    ) { $1 }
  }

  @Test(
    .enabled(if: TaskCorpus.folder != nil, "there is no corpus in ../shared/conformance"),
    arguments: playable)
  func requestsReachTheirClusters(id: String) throws {
    let task = try #require(TaskCorpus.tasks.first { $0["id"]?.string == id })
    // What the documentation has the reader keep of the task before.
    let before = ["ingress-tls-mutual": "ingress-tls-simple"][id]
    let kept = TaskCorpus.tasks.first { before != nil && $0["id"]?.string == before }
    let cluster = TaskCluster(Self.documents(kept) + Self.documents(task))
    var settings = MeshSettings()
    if let json = task["mesh_config"] {
      settings.mesh = try Istio.MeshConfig.standard.overlaid(with: json).config
    }
    let mesh = try SmallMesh(cluster.text, settings: settings)
    for check in task["checks"]?.array ?? [] where !Self.expectations(check).isEmpty {
      var request = try Self.request(check)
      if check["at"] == "egress gateway" { Self.originate(&request, task) }
      let place = Self.place(check)
      let address = try #require(cluster.address(of: place), "no pod \(place)")
      let isGateway = place.hasSuffix("gateway")
      let context = mesh.context(
        isGateway ? .router : .sidecar, address: address,
        namespace: isGateway ? "istio-system" : "default")
      let result = RequestWalk(context).walk(request)
      for (name, value) in Self.expectations(check) {
        #expect(
          Self.holds(name, value, result.outcome), "\(name): \(value), found \(result.outcome)")
      }
    }
  }

  /// The objects of a task.
  private static func documents(_ task: JSONValue?) -> [JSONValue] {
    guard let task else { return [] }
    let files = (task["setup_files"]?.array ?? []) + (task["resource_files"]?.array ?? [])
    return files.flatMap { TaskCorpus.documents($0.string ?? "") }
      + (task["resources"]?.array ?? [])
  }

  /// The pod whose proxy a check is about.
  private static func place(_ check: JSONValue) -> String {
    switch (check["from"]?.string, check["at"]?.string) {
    case (_, "egress gateway"): "egressgateway"
    case ("ingress", _): "ingressgateway"
    case ("sidecar", _): "curl"
    case (let name?, _) where name.hasPrefix("gateway "): "ingressgateway"
    case (let name, _): name ?? "curl"
    }
  }

  /// The request of a check.
  private static func request(_ check: JSONValue) throws -> TrafficRequest {
    let to = check["to"]?.string ?? ""
    let path = check["path"]?.string ?? "/"
    let host = check["host"]?.string ?? check["sni"]?.string ?? "gateway.example"
    let url: String
    if to.hasPrefix("tcp:") {
      let rest = String(to.dropFirst("tcp:".count))
      url = "tcp://" + (rest.contains(":") ? rest : host + ":" + rest)
    } else if to.isEmpty {
      let scheme = check["sni"] != nil ? "https" : check["scheme"]?.string ?? "http"
      url = "\(scheme)://\(host)\(path)"
    } else {
      url = to.contains("://") ? to : "http://" + to
    }
    var request = try TrafficRequest(url)
    request.method = check["method"]?.string ?? "GET"
    for header in check["headers"]?.object?.members ?? [] {
      request.headers[header.key] = header.value.string
    }
    return request
  }

  /// Sends a request as a sidecar sends it to a gateway that asks for certificates of the mesh.
  private static func originate(_ request: inout TrafficRequest, _ task: JSONValue) {
    let servers = (task["resources"]?.array ?? []).flatMap { $0["spec"]?["servers"]?.array ?? [] }
    for server in servers where server["tls"]?["mode"] == "ISTIO_MUTUAL" {
      guard case .integer(let port)? = server["port"]?["number"] else { continue }
      request.scheme = .https
      request.port = UInt32(port)
      request.isMutual = true
    }
  }

  /// Whether an outcome is what a check expects.
  private static func holds(_ name: String, _ value: JSONValue, _ outcome: WalkOutcome) -> Bool {
    let isStopped = outcome == .closed || outcome.clusters == ["BlackHoleCluster"]
    let parts = outcome.clusters.map {
      $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    }
    switch name {
    case "subset": return parts.map { $0.count == 4 ? $0[2] : "" } == [value.string]
    case "service":
      return parts.count == 1 && parts[0].last?.hasPrefix((value.string ?? "") + ".") ?? false
    case "cluster":
      return outcome.clusters == [value.string] || isStopped && value == "BlackHoleCluster"
    case "connection_reset": return isStopped == (value == true)
    case "weights":
      guard case .clusters(let targets) = outcome else { return false }
      let total = targets.reduce(0) { $0 + $1.weight }
      let seen = zip(parts, targets).map { part, target in
        (part.count == 4 ? part[2] : "", JSONValue.integer(Int64(target.weight * 100 / total)))
      }
      let wanted = (value.object?.members ?? []).map { ($0.key, $0.value) }
      return Dictionary(seen) { $1 } == Dictionary(wanted) { $1 }
    default:
      guard case .integer(let status) = value else { return false }
      if outcome == .response(status: UInt32(status)) { return true }
      if status == 404 { return outcome == .noRoute }
      // Whatever the upstream says, so that it is asked at all.
      return !outcome.clusters.isEmpty && !isStopped
    }
  }
}
