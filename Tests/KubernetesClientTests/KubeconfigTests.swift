// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import KubernetesClient

@Suite("Kubeconfig")
struct KubeconfigTests {
  static let text = """
    apiVersion: v1
    kind: Config
    current-context: one
    contexts:
    - name: one
      context: {cluster: near, user: certified}
    - name: two
      context: {cluster: far, user: bearer}
    - name: plugin
      context: {cluster: near, user: plugin}
    - name: broken
      context: {cluster: nowhere, user: bearer}
    clusters:
    - name: near
      cluster: {server: "https://[fd00::1]:6443/", certificate-authority-data: Q0E=}
    - name: far
      cluster:
        server: https://10.0.0.1
        tls-server-name: api.example.com
        certificate-authority: pki/ca.crt
        proxy-url: http://proxy:3128
    users:
    - name: certified
      user: {client-certificate-data: Q0VSVA==, client-key: /keys/key.pem}
    - name: bearer
      user: {token: old, tokenFile: token}
    - name: plugin
      user:
        exec: {command: aws}
    """

  static func kubeconfig(_ text: String = text) throws -> Kubeconfig {
    try Kubeconfig(Array(text.utf8), path: "/home/u/config")
  }

  @Test("the current context counts where none is named")
  func current() throws {
    let configuration = try Self.kubeconfig().configuration()
    #expect(configuration.server == "https://[fd00::1]:6443")
    #expect(configuration.authorities == .bytes(Array("CA".utf8)))
    #expect(configuration.certificate == .bytes(Array("CERT".utf8)))
    #expect(configuration.key == .file("/keys/key.pem"))
    #expect(configuration.token == nil && configuration.verifies)
  }

  @Test("paths are those beside the file, and a token's file beats a token")
  func named() throws {
    let configuration = try Self.kubeconfig().configuration(context: "two")
    #expect(configuration.authorities == .file("/home/u/pki/ca.crt"))
    #expect(configuration.token == .file("/home/u/token"))
    #expect(configuration.serverName == "api.example.com")
    #expect(configuration.proxy == "http://proxy:3128")
  }

  @Test(
    "what cannot be used is said with the file and what is wrong",
    arguments: [
      ("plugin", "exec"), ("broken", "nowhere"), ("none", "none"),
    ])
  func refused(context: String, word: String) throws {
    let file = try Self.kubeconfig()
    let error = #expect(throws: KubernetesClientError.self) {
      try file.configuration(context: context)
    }
    #expect(error?.description.contains(word) == true)
    #expect(error?.description.contains("/home/u/config") == true)
  }

  @Test(
    "a kubeconfig of a Secret may not name files or programs, unless files are allowed",
    arguments: [
      ("{token: t}", "", true),
      ("{client-key: /k, client-certificate-data: Q0E=}", "client-key", false),
      ("{tokenFile: /t}", "tokenFile", false), ("{exec: {command: a}}", "exec", false),
      ("{auth-provider: {name: gcp}}", "auth-provider", false),
    ])
  func ofSecret(user: String, word: String, isAllowed: Bool) throws {
    let text = """
      current-context: one
      contexts: [{name: one, context: {cluster: c, user: u}}]
      clusters: [{name: c, cluster: {server: "https://c"}}]
      users: [{name: u, user: \(user)}]
      """
    let file = try Self.kubeconfig(text)
    guard !isAllowed else {
      #expect(try file.remoteConfiguration(allowing: []).token == .bytes(Array("t".utf8)))
      return
    }
    let error = #expect(throws: KubernetesClientError.self) {
      try file.remoteConfiguration(allowing: [])
    }
    #expect(error?.description.contains(word) == true)
    let all: Set = ["clientKey", "clientCertificate", "tokenFile", "exec"]
    if word == "tokenFile" {
      #expect(try file.remoteConfiguration(allowing: all).token == .file("/t"))
    } else if word == "exec" || word == "auth-provider" {
      #expect(throws: KubernetesClientError.self) { try file.remoteConfiguration(allowing: all) }
    }
  }

  @Test("a text that is no kubeconfig is refused", arguments: ["a: [", "kind: Config", "[]", ""])
  func notOne(text: String) {
    #expect(throws: KubernetesClientError.self) { try Self.kubeconfig(text) }
  }

  @Test("a Pod finds its API server in the environment, IPv6 in brackets")
  func inCluster() throws {
    let environment = ["KUBERNETES_SERVICE_HOST": "fd00::10", "KUBERNETES_SERVICE_PORT": "443"]
    let configuration = try #require(ClusterConfiguration.inCluster(environment, directory: "/sa"))
    #expect(configuration.server == "https://[fd00::10]:443")
    #expect(configuration.token == .file("/sa/token"))
    #expect(configuration.authorities == .file("/sa/ca.crt"))
    #expect(ClusterConfiguration.inCluster([:]) == nil)
  }

  @Test(
    "an authority is told apart",
    arguments: [
      ("https://host", "host:443", "https://name:443"),
      ("http://host/prefix", "host:80", "http://name:80/prefix"),
      ("https://[fd00::1]:6443/p", "[fd00::1]:6443", "https://name:6443/p"),
      ("https://10.0.0.1:8443", "10.0.0.1:8443", "https://name:8443"),
    ])
  func authority(url: String, place: String, replaced: String) throws {
    let authority = try #require(Authority(of: url))
    #expect(authority.hostPort == place)
    #expect(authority.replacingHost(with: "name") == replaced)
  }
}

@Suite("Budget of requests")
struct RequestBudgetTests {
  @Test("a burst goes at once, the rest at the rate")
  func burst() {
    var budget = RequestBudget(perSecond: 10, burst: 3)
    #expect((0..<3).allSatisfy { _ in budget.take(at: .zero) == .zero })
    #expect(budget.take(at: .zero) == .milliseconds(100))
    #expect(budget.take(at: .zero) == .milliseconds(200))
    #expect(budget.take(at: .seconds(1)) == .zero)
  }

  @Test("no rate is no limit")
  func unlimited() {
    var budget = RequestBudget(perSecond: 0, burst: 1)
    #expect((0..<1000).allSatisfy { _ in budget.take(at: .zero) == .zero })
  }
}
