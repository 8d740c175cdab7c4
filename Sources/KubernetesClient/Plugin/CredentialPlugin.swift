// SPDX-License-Identifier: Apache-2.0

internal import Configuration
internal import JSON

/// A program that a kubeconfig names for credentials (`exec`).
public struct CredentialPlugin: Hashable, Sendable {
  /// One variable of its environment.
  public struct Variable: Hashable, Sendable {
    /// The name.
    public var name: String
    /// The value.
    public var value: String
  }

  /// The version of the interface, such as `client.authentication.k8s.io/v1`.
  public var apiVersion: String
  /// The program: a path, or a name that is looked for in `PATH`.
  public var command: String
  /// Its arguments.
  public var arguments: [String] = []
  /// What its environment has beside this process's own.
  public var environment: [Variable] = []
  /// What people are told where the program is missing.
  public var installHint = ""
  /// How long it may take.
  public var timeout = Duration.seconds(30)

  /// The versions of the interface that are known.
  private static let versions = ["v1", "v1beta1"].map { "client.authentication.k8s.io/\($0)" }

  /// A program that speaks a version of the interface.
  public init(command: String, apiVersion: String = "client.authentication.k8s.io/v1") {
    self.command = command
    self.apiVersion = apiVersion
  }

  /// The member `exec` of a kubeconfig's user.
  ///
  /// - Parameters:
  ///   - exec: The member.
  ///   - directory: What paths in it are relative to.
  ///   - place: What names it in errors.
  init(
    _ exec: JSONValue, directory: String, place: String
  ) throws(KubernetesClientError) {
    let version = exec["apiVersion"]?.string ?? ""
    guard CredentialPlugin.versions.contains(version) else {
      throw KubernetesClientError(
        "\(place): exec.apiVersion \"\(version)\" is not known: it may be "
          + CredentialPlugin.versions.joined(separator: " or "))
    }
    guard let command = exec["command"]?.string, !command.isEmpty else {
      throw KubernetesClientError("\(place): exec has no command")
    }
    guard exec["interactiveMode"]?.string != "Always" else {
      throw KubernetesClientError(
        "\(place): exec.interactiveMode is Always, but there is nobody to ask")
    }
    let isBeside = command.contains("/") && !command.hasPrefix("/")
    self.init(command: isBeside ? "\(directory)/\(command)" : command, apiVersion: version)
    arguments = (exec["args"]?.array ?? []).compactMap(\.string)
    environment = (exec["env"]?.array ?? []).compactMap { variable in
      variable["name"]?.string.map { Variable(name: $0, value: variable["value"]?.string ?? "") }
    }
    installHint = exec["installHint"]?.string ?? ""
  }

  /// What the program is told of the request, in `KUBERNETES_EXEC_INFO`.
  var question: String {
    let question: JSONValue = [
      "apiVersion": .string(apiVersion), "kind": "ExecCredential",
      "spec": ["interactive": false],
    ]
    return question.text()
  }
}

/// What a program gave: a token, a certificate with its key, or both.
struct PluginCredential: Hashable, Sendable {
  var token: String?
  var certificate: [UInt8]?
  var key: [UInt8]?
  /// When it is no longer good, in seconds since 1970; nil for as long as the server takes it.
  var expiry: Int64?

  /// The `ExecCredential` that a program printed; the error repeats nothing of it.
  init(_ output: [UInt8], of plugin: CredentialPlugin) throws(KubernetesClientError) {
    let fault = { (text: String) in KubernetesClientError("\(plugin.command) \(text)") }
    guard let value = try? JSONValue(parsing: output) else { throw fault("printed no JSON") }
    guard value["kind"]?.string == "ExecCredential",
      value["apiVersion"]?.string == plugin.apiVersion
    else { throw fault("printed no ExecCredential of \(plugin.apiVersion)") }
    let status = value["status"]
    token = status?["token"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    certificate = status?["clientCertificateData"]?.string.map { Array($0.utf8) }
    key = status?["clientKeyData"]?.string.map { Array($0.utf8) }
    guard (certificate == nil) == (key == nil) else {
      throw fault("gave a certificate or a key without the other")
    }
    guard token != nil || certificate != nil else {
      throw fault("gave neither token nor certificate")
    }
    guard let text = status?["expirationTimestamp"]?.string else { return }
    guard let expiry = Timestamp.seconds(text) else {
      throw fault("gave an expirationTimestamp that is no time")
    }
    self.expiry = expiry
  }
}
