// SPDX-License-Identifier: Apache-2.0

/// How to reach one API server, and as whom.
///
/// Files are named rather than read here, so that what rotates is read anew with every request.
public struct ClusterConfiguration: Hashable, Sendable {
  /// Bytes, or the file that has them.
  public enum Material: Hashable, Sendable {
    /// The path of a file.
    case file(String)
    /// The bytes themselves.
    case bytes([UInt8])
  }

  /// The URL, such as `https://10.0.0.1:443`, without a slash at its end.
  public var server: String
  /// The name in the server's certificate, where it is not the one of ``server``.
  public var serverName = ""
  /// The authorities to trust, in PEM; nil for those of the system.
  public var authorities: Material?
  /// Whether the server's certificate is checked at all.
  public var verifies = true
  /// The client's certificate in PEM.
  public var certificate: Material?
  /// The key of ``certificate`` in PEM.
  public var key: Material?
  /// The bearer token.
  public var token: Material?
  /// The program that gives token or certificate in place of those that stand here.
  public var plugin: CredentialPlugin?
  /// The URL of a proxy; nil for what the environment says.
  public var proxy: String?

  /// The server at `server`, as nobody.
  public init(server: String) {
    var server = server
    while server.hasSuffix("/") { server.removeLast() }
    self.server = server
  }

  /// Where Kubernetes mounts the credentials of a Pod's service account.
  public static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

  /// The configuration of a Pod; nil where the environment names no API server.
  public static func inCluster(
    _ environment: [String: String], directory: String = serviceAccountDirectory
  ) -> ClusterConfiguration? {
    guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
      let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
    else { return nil }
    let bracketed = host.contains(":") ? "[\(host)]" : host
    var configuration = ClusterConfiguration(server: "https://\(bracketed):\(port)")
    configuration.authorities = .file("\(directory)/ca.crt")
    configuration.token = .file("\(directory)/token")
    return configuration
  }
}

/// A configuration or a credential that cannot be used, in one sentence.
public struct KubernetesClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence, without a full stop.
  public var description: String

  init(_ description: String) { self.description = description }
}
