// SPDX-License-Identifier: Apache-2.0

internal import Configuration
internal import JSON
internal import StateDirectory
internal import YAML

/// A kubeconfig file.
public struct Kubeconfig: Sendable {
  private let root: JSONValue
  private let directory: String
  private let origin: String

  /// Reads the text of a kubeconfig.
  ///
  /// - Parameters:
  ///   - bytes: The text, YAML or JSON.
  ///   - path: The file that it is from: paths in it are relative to its directory.
  public init(_ bytes: [UInt8], path: String) throws(KubernetesClientError) {
    let stream = YAML.documents(in: bytes)
    if let error = stream.errors.first {
      throw KubernetesClientError("\(path):\(error.line): \(error.reason)")
    }
    root = stream.documents.first?.value ?? .null
    directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    origin = path
    guard root["clusters"]?.array != nil else {
      throw KubernetesClientError("\(path) is no kubeconfig: it has no clusters")
    }
  }

  /// Reads the kubeconfig file at `path`.
  public init(file path: String) throws(KubernetesClientError) {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try FileBytes.read(path)
    } catch {
      throw KubernetesClientError(error.description)
    }
    try self.init(bytes, path: path)
  }

  /// The names of its contexts.
  public var contexts: [String] {
    (root["contexts"]?.array ?? []).compactMap { $0["name"]?.string }
  }

  /// What a context says; the current one where `name` is empty.
  ///
  /// - Parameters:
  ///   - name: The context.
  ///   - runsPrograms: Whether credentials may be got by running a program that the file names.
  /// - Throws: What is missing, or that a program would have to be run.
  public func configuration(
    context name: String = "", runsPrograms: Bool = false
  ) throws(KubernetesClientError) -> ClusterConfiguration {
    let wanted = name.isEmpty ? root["current-context"]?.string ?? "" : name
    guard !wanted.isEmpty else {
      throw KubernetesClientError("\(origin) has no current-context, and none is named")
    }
    let context = try entry(wanted, in: "contexts", "context")
    let cluster = try entry(context["cluster"]?.string ?? "", in: "clusters", "cluster")
    guard let server = cluster["server"]?.string, !server.isEmpty else {
      throw KubernetesClientError("\(origin): the cluster of context \(wanted) has no server")
    }
    var configuration = ClusterConfiguration(
      server: server.contains("://") ? server : "https://\(server)")
    configuration.serverName = cluster["tls-server-name"]?.string ?? ""
    configuration.verifies = !(cluster["insecure-skip-tls-verify"]?.bool ?? false)
    configuration.proxy = cluster["proxy-url"]?.string
    configuration.authorities = try material(cluster, "certificate-authority")
    if let user = context["user"]?.string, !user.isEmpty {
      let entry = try entry(user, in: "users", "user")
      if let exec = entry["exec"], runsPrograms {
        configuration.plugin = try CredentialPlugin(
          exec, directory: directory, place: "\(origin): user \(user)")
      }
      try add(entry, named: user, to: &configuration)
    }
    return configuration
  }

  /// What the current context of a kubeconfig says that a Secret holds: it may not name files, since
  /// whoever writes the Secret could have them sent anywhere (istiod's rule).
  ///
  /// - Parameter allowed: Members that are allowed nevertheless: `clientKey`, `clientCertificate`,
  ///   `tokenFile`.
  public func remoteConfiguration(
    allowing allowed: Set<String>
  ) throws(KubernetesClientError) -> ClusterConfiguration {
    let files = [
      ("client-key", "clientKey"), ("client-certificate", "clientCertificate"),
      ("tokenFile", "tokenFile"),
    ]
    for user in root["users"]?.array ?? [] {
      for (member, option) in files
      where user["user"]?[member]?.string?.isEmpty == false && !allowed.contains(option) {
        throw KubernetesClientError("\(origin): \(member) is not allowed")
      }
      // Nothing runs programs here, whatever is allowed.
      for member in ["exec", "auth-provider"] where user["user"]?[member] != nil {
        throw KubernetesClientError("\(origin): \(member) is not allowed")
      }
    }
    return try configuration()
  }

  private func add(
    _ user: JSONValue, named name: String, to configuration: inout ClusterConfiguration
  ) throws(KubernetesClientError) {
    let isRun = configuration.plugin != nil
    for member in ["exec", "auth-provider"]
    where user[member] != nil && !(isRun && member == "exec") {
      throw KubernetesClientError(
        "\(origin): user \(name) gets its credentials by \(member), which is not allowed: "
          + "give it a token, a tokenFile or a client certificate"
          + (member == "exec" ? ", or allow it for --kubeconfig by --kubeconfigExec" : ""))
    }
    for member in ["as", "as-groups", "as-uid", "as-user-extra", "username", "password"]
    where user[member] != nil {
      throw KubernetesClientError("\(origin): user \(name): \(member) is not supported")
    }
    configuration.certificate = try material(user, "client-certificate")
    configuration.key = try material(user, "client-key")
    if (configuration.certificate == nil) != (configuration.key == nil) {
      throw KubernetesClientError(
        "\(origin): user \(name) needs both a client certificate and its key, or neither")
    }
    // As in Kubernetes' own clients, the file is preferred.
    if let path = user["tokenFile"]?.string, !path.isEmpty {
      configuration.token = .file(resolve(path))
    } else if let token = user["token"]?.string, !token.isEmpty {
      configuration.token = .bytes(Array(token.utf8))
    }
  }

  private func entry(
    _ name: String, in list: String, _ member: String
  ) throws(KubernetesClientError) -> JSONValue {
    let found = (root[list]?.array ?? []).first { $0["name"]?.string == name }
    guard let value = found?[member] else {
      throw KubernetesClientError("\(origin) has no \(member) \"\(name)\"")
    }
    return value
  }

  /// What `NAME-data` (in base64, preferred) or the file of `NAME` gives.
  private func material(
    _ value: JSONValue, _ name: String
  ) throws(KubernetesClientError) -> ClusterConfiguration.Material? {
    if let text = value["\(name)-data"]?.string, !text.isEmpty {
      guard let bytes = Base64.decode(text) else {
        throw KubernetesClientError("\(origin): \(name)-data is not base64")
      }
      return .bytes(bytes)
    }
    guard let path = value[name]?.string, !path.isEmpty else { return nil }
    return .file(resolve(path))
  }

  private func resolve(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(directory)/\(path)"
  }
}
