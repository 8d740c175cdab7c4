// SPDX-License-Identifier: Apache-2.0

/// What a program gave last, and the program, which is asked again when that is no longer good.
///
/// It runs once at a time; whoever comes meanwhile shares what it gives, or why it does not.
actor PluginCredentials {
  private typealias Outcome = Result<PluginCredential, KubernetesClientError>

  private let plugin: CredentialPlugin
  private let now: @Sendable () -> Int64
  private var current: PluginCredential?
  private var isRunning = false
  private var waiting: [CheckedContinuation<Outcome, Never>] = []

  /// The credentials that `plugin` gives; `now` tells the seconds since 1970.
  init(_ plugin: CredentialPlugin, now: @escaping @Sendable () -> Int64 = PluginRun.now) {
    self.plugin = plugin
    self.now = now
  }

  /// A credential that is good now.
  ///
  /// - Throws: Why the program gave none.
  func credential() async throws(KubernetesClientError) -> PluginCredential {
    if let current, current.expiry.map({ now() < $0 }) ?? true { return current }
    if isRunning { return try await withCheckedContinuation { waiting.append($0) }.get() }
    isRunning = true
    let outcome: Outcome
    do throws(KubernetesClientError) {
      outcome = .success(try await PluginRun.credential(of: plugin))
    } catch {
      outcome = .failure(error)
    }
    isRunning = false
    current = try? outcome.get()
    for one in waiting { one.resume(returning: outcome) }
    waiting = []
    return try outcome.get()
  }

  /// Asks the program anew next time: the server does not take what it gave.
  func forget() { current = nil }
}
