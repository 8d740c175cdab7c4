// SPDX-License-Identifier: Apache-2.0

/// What a room may import; rooms stand from the bottom up, as in Package.swift.
///
/// C modules appear in the wrapper that owns them and nowhere else; a pure room has no system
/// module but Synchronization.
let allowedImports: [String: Set<String>] = [
  // Values and wrappers.
  "Bytes": ["CXXHash"],
  "JSON": [],
  "YAML": ["CYAML", "CYAMLShims", "JSON"],
  "RegularExpression": ["CRE2Shims", "Glibc"],
  "EnvoyAPI": ["Glibc", "CEnvoyAPI", "CProtobufC", "Bytes", "JSON"],
  "Logging": ["Glibc", "Synchronization", "Runtime"],
  "Metrics": ["Glibc", "Synchronization"],
  "Lifecycle": ["CLinuxShims", "Glibc", "Synchronization", "Logging"],
  "GRPC": ["CGRPC", "CGRPCShims", "Glibc", "Synchronization", "Bytes"],
  "HTTPServer": ["CEvent", "Glibc", "Synchronization", "Bytes"],
  "Cryptography": ["COpenSSL"],
  "StateDirectory": ["Glibc"],
  "Flags": [],
  "HTTPClient": ["CCurl", "CCurlShims", "Glibc", "Synchronization"],
  "NameResolution": ["CResolverShims", "Glibc"],
  // Pure rooms.
  "Inspection": ["JSON"],
  "Configuration": ["EnvoyAPI", "JSON", "RegularExpression"],
  "ServiceDiscovery": ["Configuration", "JSON"],
  "MeshModel": ["Synchronization", "Configuration", "ServiceDiscovery", "JSON", "Bytes"],
  "Analysis": ["MeshModel", "ServiceDiscovery", "Configuration", "JSON"],
  "ConfigTranslation": [
    "Synchronization", "MeshModel", "ServiceDiscovery", "Configuration", "EnvoyAPI",
    "RegularExpression", "JSON", "Bytes",
  ],
  "Explanation": [
    "ConfigTranslation", "MeshModel", "ServiceDiscovery", "Configuration", "EnvoyAPI",
    "RegularExpression", "JSON",
  ],
  "DiscoveryProtocol": ["Synchronization", "EnvoyAPI", "Bytes"],
  // Edges.
  "Authentication": [
    "Synchronization", "Cryptography", "GRPC", "HTTPClient", "JSON", "StateDirectory",
  ],
  "CertificateAuthority": [
    "Synchronization", "Authentication", "Cryptography", "EnvoyAPI", "GRPC", "JSON", "Logging",
    "Metrics", "StateDirectory",
  ],
  "DiscoveryServer": [
    "Glibc", "Synchronization", "DiscoveryProtocol", "Authentication", "GRPC", "MeshModel",
    "ServiceDiscovery", "EnvoyAPI", "Bytes", "JSON", "Logging", "Metrics",
  ],
  "FileSource": [
    "CLinuxShims", "Glibc", "Synchronization", "YAML", "JSON", "Bytes", "Configuration",
    "MeshModel", "Logging", "Metrics",
  ],
  "KubernetesClient": [
    "Glibc", "Synchronization", "HTTPClient", "YAML", "JSON", "Configuration", "StateDirectory",
  ],
  "KubernetesIdentity": [
    "Synchronization", "KubernetesClient", "HTTPClient", "CertificateAuthority", "Authentication",
    "Cryptography", "Configuration", "GRPC", "JSON",
  ],
  "LeaderElection": ["Synchronization", "KubernetesClient", "JSON"],
  "KubernetesSource": [
    "Synchronization", "KubernetesClient", "HTTPClient", "JSON", "Bytes", "Configuration",
    "MeshModel",
  ],
  "ClusterWriters": [
    "Synchronization", "LeaderElection", "KubernetesSource", "KubernetesClient",
    "ServiceDiscovery", "MeshModel", "Configuration", "JSON", "Logging", "Metrics",
  ],
  "Introspection": [
    "HTTPServer", "DiscoveryServer", "DiscoveryProtocol", "Explanation", "Analysis",
    "ConfigTranslation",
    "MeshModel",
    "ServiceDiscovery", "Configuration", "EnvoyAPI", "JSON", "Bytes", "Metrics", "Logging",
  ],
  "ControlPlane": [
    "Glibc", "Synchronization", "FileSource", "LeaderElection", "ClusterWriters",
    "KubernetesSource", "KubernetesIdentity",
    "KubernetesClient",
    "HTTPClient", "Introspection", "DiscoveryServer", "DiscoveryProtocol",
    "CertificateAuthority", "Authentication", "Cryptography", "StateDirectory",
    "ConfigTranslation", "Analysis", "NameResolution", "MeshModel", "ServiceDiscovery",
    "Configuration", "EnvoyAPI", "GRPC", "HTTPServer", "YAML", "JSON", "Bytes", "Flags", "Logging",
    "Metrics", "Lifecycle",
  ],
  "Commands": [
    "Glibc", "Inspection", "FileSource", "HTTPClient", "Authentication", "CertificateAuthority",
    "Cryptography", "MeshModel", "Configuration", "YAML", "JSON", "Flags", "StateDirectory",
    "Bytes",
  ],
  "navarchctl": ["Glibc", "Commands"],
  "Agent": [
    "Glibc", "Synchronization", "DiscoveryProtocol", "Cryptography", "StateDirectory", "EnvoyAPI",
    "GRPC", "HTTPServer", "YAML", "JSON", "Bytes", "Flags", "Logging", "Metrics", "Lifecycle",
  ],
  "navarch-agent": ["Glibc", "Agent"],
  "navarchd": ["Glibc", "ControlPlane"],
]

/// What tests may import besides their room and what that may.
private let testImports: Set = ["Testing", "Foundation", "Glibc", "Synchronization"]
/// What the tests of one room may import besides.
private let extraTestImports: [String: Set<String>] = [
  "Configuration": ["YAML"], "ConfigTranslation": ["Explanation", "YAML"],
  "Explanation": ["YAML", "Bytes"], "Analysis": ["YAML", "Bytes", "Cryptography"],
  "HTTPClient": ["HTTPServer"], "KubernetesClient": ["HTTPServer"],
  "KubernetesIdentity": ["HTTPServer"], "Authentication": ["HTTPServer"],
]

/// What programs below Tests may import.
private let programImports: [String: Set<String>] = [
  "Bench": [
    "Glibc", "ConfigTranslation", "MeshModel", "ServiceDiscovery", "Configuration", "EnvoyAPI",
    "YAML", "JSON", "GRPC", "Bytes", "Synchronization", "Cryptography", "StateDirectory",
  ],
  "Fuzz": [
    "Glibc", "CFuzzer", "Authentication", "Cryptography", "EnvoyAPI", "StateDirectory", "YAML",
    "JSON",
  ],
]

/// The imports of `file` that its room is not allowed.
func forbiddenImports(in file: SourceFile) -> [Violation] {
  guard let allowed = imports(allowedIn: file) else {
    let message = "the room \(file.room) has no line in allowedImports (ImportRules.swift)"
    return [Violation(path: file.path, line: 1, message: message)]
  }
  return file.text.code.enumerated().compactMap { index, line in
    guard let module = importedModule(line), !allowed.contains(module) else { return nil }
    let message = "`import \(module)`: \(file.room) stands below it or is no wrapper of it"
    return Violation(path: file.path, line: index + 1, message: message)
  }
}

private func imports(allowedIn file: SourceFile) -> Set<String>? {
  guard file.isTest else { return allowedImports[file.room] }
  if file.room == "TidyTests" { return testImports }
  if let program = programImports[file.room] { return program }
  let room = String(file.room.dropLast("Tests".count))
  return allowedImports[room].map {
    $0.union(testImports).union([room]).union(extraTestImports[room] ?? [])
  }
}

/// The module of an import declaration, its access and attributes aside.
private func importedModule(_ line: String) -> String? {
  let words = line.split(separator: " ")
  guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
    words[..<position].allSatisfy({
      $0.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains($0)
    })
  else { return nil }
  let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "typealias"]
  let named = words[(position + 1)...].drop { kinds.contains($0) }.first
  return named?.split(separator: ".").first.map(String.init)
}
