// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import Foundation
import JSON
import MeshModel
import Testing

/// Writes what every proxy of the corpus is given, for compare.py to score.
///
///     NAVARCH_DUMP=DIR [NAVARCH_CASES=group[/case],...] [NAVARCH_CORPUS=DIR] swift test --filter CorpusDump
/// With `NAVARCH_PLAIN` set, as if each proxy were an Envoy without Istio's agent.
///
///     compare.py CORPUS DIR --types cds,eds --top 40
@Suite(.enabled(if: ProcessInfo.processInfo.environment["NAVARCH_DUMP"] != nil))
struct CorpusDump {
  @Test func dumpsEveryCase() throws {
    let environment = ProcessInfo.processInfo.environment
    let target = try #require(environment["NAVARCH_DUMP"])
    let root = environment["NAVARCH_CORPUS"] ?? Self.folder
    let wanted = (environment["NAVARCH_CASES"] ?? "").split(separator: ",").map(String.init)
    let cases = try Self.cases(in: root).filter { name in
      wanted.isEmpty || wanted.contains { name == $0 || name.hasPrefix($0 + "/") }
    }
    #expect(!cases.isEmpty)
    for name in cases {
      do {
        try dump(ConformanceCase(root, name), to: target)
      } catch {
        Issue.record("\(name): \(error)")
      }
    }
  }

  /// `../shared/conformance/xds`, from the package or from a worktree of it.
  private static let folder: String = {
    let package = URL(filePath: #filePath).appending(path: "../../../..").standardizedFileURL
    let places = ["..", "../.."].map {
      package.appending(path: $0 + "/shared/conformance/xds").standardizedFileURL.path
    }
    return places.first { FileManager.default.fileExists(atPath: $0) } ?? places[0]
  }()

  private func dump(_ given: ConformanceCase, to target: String) throws {
    let cache = ResourceCache()
    let isPlain = ProcessInfo.processInfo.environment["NAVARCH_PLAIN"] != nil
    for proxy in given.proxies {
      var node = proxy.node
      if isPlain { node.istioVersion = nil }
      let context = ProxyContext(given.mesh, node: node, cache: cache)
      let folder = "\(target)/\(given.name)/\(proxy.name)"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      for type in OfferedType.all {
        var resources = JSONObject()
        for resource in type.resources(context) {
          // A client without proxy has asked for some by name.
          let asked = proxy.resources
          if !asked.isEmpty, asked[type.file]?.contains(resource.name) != true { continue }
          resources[resource.name] = Self.json(of: resource)
        }
        let text = JSONValue.object(resources).utf8(.pretty)
        try Data(text).write(to: URL(fileURLWithPath: "\(folder)/\(type.file).json"))
      }
    }
  }

  /// The resource as the corpus has it: without the type, which the file's name says.
  private static func json(of resource: EncodedResource) -> JSONValue {
    guard var object = resource.json().object else { return .null }
    object["@type"] = nil as JSONValue?
    return .object(object)
  }

  /// `group/case` of every case.
  private static func cases(in root: String) throws -> [String] {
    let files = FileManager.default
    return try files.contentsOfDirectory(atPath: root).sorted().flatMap { group -> [String] in
      let cases = (try? files.contentsOfDirectory(atPath: "\(root)/\(group)")) ?? []
      return cases.sorted().map { "\(group)/\($0)" }
        .filter { files.fileExists(atPath: "\(root)/\($0)/input.yaml") }
    }
  }
}
