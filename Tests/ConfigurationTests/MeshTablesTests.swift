// SPDX-License-Identifier: Apache-2.0

#if canImport(YAML)
  @testable import Configuration
  import Foundation
  import JSON
  import Testing
  import YAML

  /// Settings of meshes and single values with istiod's verdicts, where the tables lie beside the
  /// repository.
  @Suite struct MeshTablesTests {
    @Test(.enabled(if: Tables.folder != nil, Tables.missing))
    func agreesWithIstiodOnMeshSettings() throws {
      let rows = try Tables.rows(of: "meshconfig").filter { $0["needs_newer_api"] == nil }
      var missed: [String: String] = [:]
      for row in rows {
        guard let id = row["id"]?.string, let scope = row["scope"]?.string,
          let resource = row["resource"]
        else { continue }
        let found = try Self.judge(resource, scope)
        let isValid = !found.contains { $0.severity == .error }
        let warns = found.contains { $0.severity == .warning }
        if isValid != row["valid"]?.bool || isValid && warns != (row["warning"]?.bool ?? false) {
          missed[id] = "\(scope): \(found)"
        }
      }
      #expect(missed.isEmpty, "\(rows.count - missed.count) of \(rows.count) agree; not: \(missed)")
    }

    /// What is wrong with a fragment, judged alone as its row is.
    private static func judge(_ resource: JSONValue, _ scope: String) throws -> [Diagnostic] {
      if scope == "MeshNetworks" { return try Istio.MeshNetworks(decoding: resource).validate() }
      let mesh: Istio.MeshConfig
      do throws(ConfigError) {
        mesh = try Istio.MeshConfig(decoding: resource)
      } catch {
        return [Diagnostic(error)]
      }
      var checker = Checker()
      switch scope {
      case "whole": return mesh.validate()
      case "extensionProviders": checker.check(mesh.extensionProviders, [])
      case "defaultConfig": checker.check(mesh.defaultConfig ?? .init(), [])
      case "defaultConfig.connectionSettings":
        checker.check(mesh.defaultConfig?.connectionSettings ?? .init(), [])
      case "defaultTrafficPolicy": checker.check(mesh.defaultTrafficPolicy, [])
      case "serviceSettings": checker.check(mesh.serviceSettings, [])
      default: checker.error([], "no check of \(scope)")
      }
      return checker.diagnostics
    }

    @Test(.enabled(if: Tables.folder != nil, Tables.missing))
    func agreesWithIstiodOnSingleValues() throws {
      let rows = try Tables.rows(of: "primitives")
      var missed: [String: String] = [:]
      for row in rows {
        guard let id = row["id"]?.string, let check = row["check"]?.string,
          let input = row["input"]
        else { continue }
        let found = Self.judge(input, check, isSNI: row["sni"]?.bool ?? false)
        if found.isEmpty != row["valid"]?.bool {
          missed[id] = "\(check) \(input): \(found)"
        }
      }
      #expect(missed.isEmpty, "\(rows.count - missed.count) of \(rows.count) agree; not: \(missed)")
    }

    private static func judge(
      _ input: JSONValue, _ check: String, isSNI: Bool
    ) -> [Diagnostic] {
      var checker = Checker()
      let text = input.string ?? ""
      let duration = Duration(protoText: text)
      switch check {
      case "fqdn": checker.fqdn(text, [])
      case "wildcard-domain": checker.wildcardDomain(text, [])
      case "wildcard-domain-virtualservice-gateway":
        checker.gatewayHost(text, isSNI: isSNI, [])
      case "trust-domain": checker.trustDomain(text, [])
      case "proxy-address": checker.address(text, [])
      case "extension-provider-service": checker.providerService(text, [])
      case "locality-list":
        checker.localities(input.array?.compactMap(\.string) ?? [], [])
      case "port-number":
        if case .integer(let number) = input { checker.port(number, []) }
      case "port-name": checker.portName(text, [])
      case "duration": checker.duration(duration, [])
      case "drain-duration": checker.drainDuration(duration, [])
      case "connect-timeout": checker.connectTimeout(duration ?? .zero, [])
      case "protocol-detection-timeout": checker.detectionTimeout(duration ?? .zero, [])
      case "http-header-name": checker.require(Names.isStrictHeader(text), [], "no header")
      case "http-header-name-or-jwt-claim": checker.headerMatch(text, isOfGateways: true, [])
      case "http-header-value": checker.headerValue(text, [])
      case "http-status":
        if case .integer(let number) = input { checker.httpStatus(Int(number), []) }
      case "ip-address": checker.require(IPAddress(text) != nil, [], "no address")
      case "ip-subnet": checker.subnet(text, [])
      case "max-server-connection-age-ns":
        if case .integer(let number) = input { checker.require(number >= 0, [], "negative") }
      default: checker.error([], "no check of this name")
      }
      return checker.diagnostics
    }
  }
#endif
