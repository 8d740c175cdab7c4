// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import KubernetesClient

@Suite("Programs that give credentials")
struct PluginTests {
  private static let version = "client.authentication.k8s.io/v1"

  private static func plugin(_ script: String) -> CredentialPlugin {
    var plugin = CredentialPlugin(command: "sh")
    plugin.arguments = ["-c", script]
    plugin.timeout = .seconds(60)
    return plugin
  }

  private static func credential(_ status: String) -> String {
    #"printf '{"apiVersion":"\#(version)","kind":"ExecCredential","status":{\#(status)}}'"#
  }

  @Test("a kubeconfig's program is read only where it is allowed, its path beside the file")
  func kubeconfig() throws {
    let text = KubeconfigTests.text.replacing(
      "exec: {command: aws}",
      with: "exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/aws, args: [token], "
        + "env: [{name: A, value: b}], installHint: get it}")
    let file = try KubeconfigTests.kubeconfig(text)
    #expect(throws: KubernetesClientError.self) { try file.configuration(context: "plugin") }
    let configuration = try file.configuration(context: "plugin", runsPrograms: true)
    let plugin = try #require(configuration.plugin)
    #expect(plugin.command == "/home/u/bin/aws" && plugin.arguments == ["token"])
    #expect(plugin.environment.map(\.name) == ["A"] && plugin.installHint == "get it")
    #expect(configuration.token == nil)
    for (old, new) in [
      ("k8s.io/v1,", "k8s.io/v1alpha1,"), ("bin/aws", "''"),
      ("installHint: get it", "interactiveMode: Always"),
    ] {
      let other = try KubeconfigTests.kubeconfig(text.replacing(old, with: new))
      #expect(throws: KubernetesClientError.self, "\(new)") {
        try other.configuration(context: "plugin", runsPrograms: true)
      }
    }
  }

  @Test("what a program prints is its credential")
  func prints() async throws {
    let script =
      #"[ -n "$KUBERNETES_EXEC_INFO" ] && "#
      + Self.credential(#""token":"t","expirationTimestamp":"2026-01-31T10:00:00Z""#)
    let credential = try await PluginRun.credential(of: Self.plugin(script))
    #expect(credential.token == "t" && credential.expiry == 1_769_853_600)
    let pair = try await PluginRun.credential(
      of: Self.plugin(Self.credential(#""clientCertificateData":"C","clientKeyData":"K""#)))
    #expect(pair.certificate == Array("C".utf8) && pair.key == Array("K".utf8))
    #expect(pair.token == nil && pair.expiry == nil)
  }

  @Test(
    "what is no credential is said to be none, and nothing of it is repeated",
    arguments: [
      ("echo secret; exit 7", "status 7"), ("echo secret", "no JSON"),
      (#"echo '{"kind":"secret"}'"#, "no ExecCredential"),
      (credential(""), "neither"), (credential(#""clientKeyData":"secret""#), "without the other"),
      (credential(#""token":"secret","expirationTimestamp":"soon""#), "no time"),
      ("head -c 3000000 /dev/zero | tr '\\0' s; sleep 100", "too much"), ("kill -9 $$", "137"),
    ])
  func refused(script: String, word: String) async {
    let error = await #expect(throws: KubernetesClientError.self) {
      try await PluginRun.credential(of: Self.plugin(script))
    }
    #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("secret") == false)
  }

  @Test("a program that does not end is ended, with what it started")
  func endless() async {
    var plugin = Self.plugin("sleep 1000 & sleep 1000")
    plugin.timeout = .milliseconds(50)
    let error = await #expect(throws: KubernetesClientError.self) {
      try await PluginRun.credential(of: plugin)
    }
    #expect(error?.description.contains("took longer") == true)
  }

  @Test("a program that is missing is told with how to get it")
  func missing() async {
    var plugin = CredentialPlugin(command: "/nowhere/at-all")
    plugin.installHint = "Get it there."
    let error = await #expect(throws: KubernetesClientError.self) {
      try await PluginRun.credential(of: plugin)
    }
    #expect(error?.description.contains("Get it there.") == true)
  }

  @Test("a credential is kept until its time is over, or it is forgotten; who waits shares one run")
  func kept() async throws {
    let clock = Mutex(Int64(0))
    let script = Self.credential(
      #""token":"'$$'","expirationTimestamp":"1970-01-01T00:01:00Z""#)
    let source = PluginCredentials(Self.plugin(script)) { clock.withLock { $0 } }
    async let one = source.credential()
    async let other = source.credential()
    let (first, second) = try await (one, other)
    #expect(first == second)
    #expect(try await source.credential() == first)
    await source.forget()
    let third = try await source.credential()
    #expect(third != first)
    clock.withLock { $0 = 60 }
    #expect(try await source.credential() != third)
  }
}
