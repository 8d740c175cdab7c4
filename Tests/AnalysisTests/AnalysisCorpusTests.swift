// SPDX-License-Identifier: Apache-2.0

import Analysis
import Configuration
import Cryptography
import Foundation
import JSON
import MeshModel
import Testing
import YAML

/// The cases of `istioctl analyze`, where they lie beside the repository.
struct AnalysisCorpusTests {
  /// The cases that say something else here: an object's status is not read.
  private static let differing = ["ServiceEntry Addresses Allocated"]

  @Test(.enabled(if: Corpus.folder != nil, Corpus.missing))
  func everyCaseOfOurAnalyzersAgrees() throws {
    var missed: [String: String] = [:]
    var count = 0
    for value in try Corpus.cases() {
      let one = try Corpus.Case(value)
      guard let analyzer = Analyzer.all.first(where: { $0.name == one.analyzer }) else { continue }
      count += 1
      let found = analyzer.analyze(try one.mesh(), certificates: .ofNow).map(one.row).sorted()
      if found != one.expected { missed[one.id] = "\(found) is not \(one.expected)" }
    }
    #expect(count >= 40)
    #expect(
      missed.keys.sorted() == Self.differing,
      "\(count - missed.count) of \(count) agree; not: \(missed)")
  }

  @Test(.enabled(if: Corpus.folder != nil, Corpus.missing))
  func codesNamesAndLevelsAreIstios() throws {
    let file = try YAMLFile(Corpus.folder ?? "", "messages.yaml")
    let rows = (file["messages"]?.array ?? []).map { row in
      [row["code"], row["name"], row["level"]].map { $0?.string ?? "" }
    }
    let known = Set(rows)
    for message in Corpus.messages where message.code.hasPrefix("IST") {
      #expect(known.contains([message.code, message.name, message.level.rawValue]))
    }
  }
}

extension CertificateJudge {
  /// Says whether a certificate can be read and is not out of date.
  fileprivate static let ofNow = CertificateJudge { pem in
    guard let certificate = try? Certificate(pem: pem) else { return "unreadable" }
    let isPast = Double(certificate.notAfter) < Date.now.timeIntervalSince1970
    return isPast ? "out of date" : nil
  }
}

/// A document of YAML.
private func YAMLFile(_ folder: String, _ name: String) throws -> JSONValue {
  let data = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
  return YAML.documents(in: Array(data), limits: YAMLLimits()).documents.first?.value ?? .null
}

private enum Corpus {
  static let missing: Comment = "there are no cases in ../shared/conformance/analyze"

  /// `../shared/conformance/analyze`, from the package or from a worktree of it.
  static let folder: String? = {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return ["..", "../.."].map {
      package.appending(path: $0 + "/shared/conformance/analyze").standardizedFileURL.path
    }.first { FileManager.default.fileExists(atPath: $0 + "/cases.yaml") }
  }()

  static func cases() throws -> [JSONValue] {
    try YAMLFile(folder ?? "", "cases.yaml")["cases"]?.array ?? []
  }

  static let messages: [AnalysisMessage] = [
    .notFound, .conflictingHosts, .conflictingSidecars, .severalDefaultSidecars, .portRequired,
    .portName, .unverifiedTLS, .unverifiedPortTLS, .unreachableRule, .ineffectiveMatch,
    .hostNotInGateway, .addressesRequired, .duplicateCertificate, .subsetsNotAtGateway,
    .conflictingGateways, .claimsUnchecked, .externalNamePort, .conflictingTelemetries,
    .severalDefaultTelemetries, .gatewayPort, .internalGateway, .emptySubset, .unknownRuleHost,
    .conflictingProtocols, .badCredential,
  ]

  /// One case: files, an analyzer, and what it finds.
  struct Case {
    let id: String
    let analyzer: String
    /// `CODE Kind namespace/name`, sorted.
    let expected: [String]
    private let inputs: [String]
    private let meshFile: String?

    init(_ value: JSONValue) throws {
      id = value["id"]?.string ?? ""
      analyzer = value["analyzer"]?.string ?? ""
      inputs = (value["inputs"]?.array ?? []).compactMap(\.string)
      meshFile = value["mesh_config"]?.string
      expected = (value["expected"]?.array ?? []).map {
        let resource = ($0["resource"]?.string ?? "").split(separator: " ")
        // Objects without a namespace are in `default` here.
        let name = resource.last.map { $0.contains("/") ? String($0) : "default/\($0)" } ?? ""
        return "\($0["code"]?.string ?? "") \(resource.first ?? "") \(name)"
      }.sorted()
    }

    func row(_ finding: Finding) -> String {
      let key = finding.object
      return "\(finding.message.code) \(key.kind.kind) \(key.namespace)/\(key.name)"
    }

    /// What istioctl takes to be there: Istio's own gateway.
    private static let gateway = """
      apiVersion: v1
      kind: Pod
      metadata:
        {name: istio-ingressgateway-0, namespace: istio-system, labels: {istio: ingressgateway}}
      spec: {containers: [{name: istio-proxy}]}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: istio-ingressgateway, namespace: istio-system}
      spec:
        selector: {istio: ingressgateway}
        ports:
        - {name: http2, port: 80, protocol: TCP, targetPort: 80}
        - {name: https, port: 443, protocol: TCP, targetPort: 443}
        - {name: tcp, port: 31400, protocol: TCP, targetPort: 31400}
        - {name: tls, port: 15443, protocol: TCP, targetPort: 15443}
      """

    /// The snapshot of the files, whether their objects are valid or not.
    func mesh() throws -> MeshSnapshot {
      let folder = try #require(Corpus.folder)
      var settings = MeshSettings()
      if let meshFile {
        settings.mesh = try Istio.MeshConfig.standard
          .overlaid(with: try YAMLFile(folder, meshFile)).config
      }
      var transaction = SourceTransaction()
      var texts = [Array(Self.gateway.utf8)]
      for name in inputs {
        texts.append(Array(try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))))
      }
      for text in texts {
        let documents = YAML.documents(in: text, limits: YAMLLimits()).documents
        for value in documents.map(\.value).flatMap(ConfigurationObject.expandLists) {
          guard let object = ConfigurationObject.decode(value, strictness: .lenient).object,
            let key = SourcedObject.writtenKey(value)
          else { continue }
          transaction.upserts.append(SourcedObject(key: key, object: object))
        }
      }
      var store = MeshStore(settings: settings)
      _ = store.apply(transaction, at: 0)
      return try #require(store.snapshot)
    }
  }
}
