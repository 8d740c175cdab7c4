// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// The settings of every Swift room: language mode 6, strict, warnings are errors.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// One room of the house: a target, and the rooms below it that it may use.
struct Room {
  var name: String
  var uses: [String]
  var kind: Kind = .library
  /// The system's libraries that its C is linked with.
  var links: [String] = []

  enum Kind { case library, executable, c, cxx }
}

// From the bottom up: a room uses only rooms that stand above its own line here.
let rooms: [Room] = [
  // C: generated messages, and tiny shims for what Swift cannot import.
  Room(name: "CEnvoyAPI", uses: ["CProtobufC"], kind: .c),
  Room(name: "CXXHash", uses: [], kind: .c),
  Room(name: "CGRPCShims", uses: ["CGRPC"], kind: .c),
  Room(name: "CYAMLShims", uses: ["CYAML"], kind: .c),
  Room(name: "CRE2Shims", uses: [], kind: .cxx),
  Room(name: "CLinuxShims", uses: [], kind: .c),
  Room(name: "CResolverShims", uses: [], kind: .c, links: ["resolv"]),
  Room(name: "CCurlShims", uses: ["CCurl"], kind: .c),
  // Values and wrappers.
  Room(name: "Bytes", uses: ["CXXHash"]),
  Room(name: "JSON", uses: []),
  Room(name: "YAML", uses: ["CYAML", "CYAMLShims", "JSON"]),
  Room(name: "RegularExpression", uses: ["CRE2Shims"]),
  Room(name: "EnvoyAPI", uses: ["CEnvoyAPI", "CProtobufC", "Bytes", "JSON"]),
  Room(name: "Logging", uses: []),
  Room(name: "Metrics", uses: []),
  Room(name: "Lifecycle", uses: ["CLinuxShims", "Logging"]),
  Room(name: "GRPC", uses: ["CGRPC", "CGRPCShims", "Bytes"]),
  Room(name: "HTTPServer", uses: ["CEvent", "Bytes"]),
  Room(name: "Cryptography", uses: ["COpenSSL"]),
  Room(name: "StateDirectory", uses: []),
  Room(name: "Flags", uses: []),
  Room(name: "HTTPClient", uses: ["CCurl", "CCurlShims"]),
  Room(name: "NameResolution", uses: ["CResolverShims"]),
  // Pure rooms.
  Room(name: "Inspection", uses: ["JSON"]),
  Room(name: "Configuration", uses: ["EnvoyAPI", "JSON", "RegularExpression"]),
  Room(name: "ServiceDiscovery", uses: ["Configuration", "JSON"]),
  Room(name: "MeshModel", uses: ["Configuration", "ServiceDiscovery", "JSON", "Bytes"]),
  Room(
    name: "Analysis", uses: ["MeshModel", "ServiceDiscovery", "Configuration", "JSON"]),
  Room(
    name: "ConfigTranslation",
    uses: [
      "MeshModel", "ServiceDiscovery", "Configuration", "EnvoyAPI", "RegularExpression", "JSON",
      "Bytes",
    ]),
  Room(
    name: "Explanation",
    uses: [
      "ConfigTranslation", "MeshModel", "ServiceDiscovery", "Configuration", "EnvoyAPI",
      "RegularExpression", "JSON",
    ]),
  Room(name: "DiscoveryProtocol", uses: ["EnvoyAPI", "Bytes"]),
  // Edges.
  Room(
    name: "Authentication",
    uses: ["Cryptography", "GRPC", "HTTPClient", "JSON", "StateDirectory"]),
  Room(
    name: "CertificateAuthority",
    uses: [
      "Authentication", "Cryptography", "EnvoyAPI", "GRPC", "JSON", "Logging", "Metrics",
      "StateDirectory",
    ]),
  Room(
    name: "DiscoveryServer",
    uses: [
      "DiscoveryProtocol", "MeshModel", "ServiceDiscovery", "Authentication", "GRPC", "EnvoyAPI",
      "Bytes", "JSON", "Logging", "Metrics",
    ]),
  Room(
    name: "FileSource",
    uses: [
      "CLinuxShims", "YAML", "JSON", "Bytes", "Configuration", "MeshModel", "Logging", "Metrics",
    ]),
  Room(
    name: "KubernetesClient",
    uses: ["HTTPClient", "YAML", "JSON", "Configuration", "StateDirectory"]),
  Room(name: "LeaderElection", uses: ["KubernetesClient", "JSON"]),
  Room(
    name: "KubernetesIdentity",
    uses: [
      "KubernetesClient", "HTTPClient", "CertificateAuthority", "Authentication", "Cryptography",
      "Configuration", "GRPC", "JSON",
    ]),
  Room(
    name: "KubernetesSource",
    uses: ["KubernetesClient", "HTTPClient", "JSON", "Bytes", "Configuration", "MeshModel"]),
  Room(
    name: "ClusterWriters",
    uses: [
      "LeaderElection", "KubernetesSource", "KubernetesClient", "ServiceDiscovery", "MeshModel",
      "Configuration", "JSON", "Logging", "Metrics",
    ]),
  Room(
    name: "Introspection",
    uses: [
      "HTTPServer", "DiscoveryServer", "DiscoveryProtocol", "Explanation", "Analysis",
      "ConfigTranslation",
      "MeshModel",
      "ServiceDiscovery", "Configuration", "EnvoyAPI", "JSON", "Bytes", "Metrics", "Logging",
    ]),
  Room(
    name: "ControlPlane",
    uses: [
      "FileSource", "LeaderElection", "ClusterWriters", "KubernetesSource", "KubernetesIdentity",
      "KubernetesClient", "HTTPClient", "Introspection",
      "DiscoveryServer", "DiscoveryProtocol", "ConfigTranslation", "Analysis", "NameResolution",
      "CertificateAuthority", "Authentication", "Cryptography", "StateDirectory", "MeshModel",
      "ServiceDiscovery", "Configuration", "EnvoyAPI", "GRPC", "HTTPServer", "YAML", "JSON",
      "Bytes", "Flags", "Logging", "Metrics", "Lifecycle",
    ]),
  Room(
    name: "Commands",
    uses: [
      "Inspection", "FileSource", "HTTPClient", "Authentication", "CertificateAuthority",
      "Cryptography", "MeshModel", "Configuration", "YAML", "JSON", "Flags", "StateDirectory",
      "Bytes",
    ]),
  Room(
    name: "Agent",
    uses: [
      "DiscoveryProtocol", "Cryptography", "StateDirectory", "EnvoyAPI", "GRPC", "HTTPServer",
      "YAML", "JSON", "Bytes", "Flags", "Logging", "Metrics", "Lifecycle",
    ]),
  Room(name: "navarchd", uses: ["ControlPlane"], kind: .executable),
  Room(name: "navarchctl", uses: ["Commands"], kind: .executable),
  Room(name: "navarch-agent", uses: ["Agent"], kind: .executable),
]

/// What a test target may use besides its own room.
let testUses: [String: [String]] = [
  "Configuration": ["YAML", "CYAML", "CYAMLShims"],
  "ConfigTranslation": ["Explanation", "YAML", "CYAML", "CYAMLShims"],
  "Explanation": ["YAML", "CYAML", "CYAMLShims", "Bytes"],
  "Analysis": ["YAML", "CYAML", "CYAMLShims", "Bytes", "Cryptography", "COpenSSL"],
  "HTTPClient": ["HTTPServer", "CEvent", "Bytes", "CXXHash"],
  "KubernetesClient": ["HTTPServer", "CEvent", "Bytes", "CXXHash"],
  "KubernetesIdentity": ["HTTPServer", "CEvent", "Bytes", "CXXHash"],
  "Authentication": ["HTTPServer", "CEvent", "Bytes", "CXXHash"],
]

/// The rooms whose tests compare with files.
let withGoldens: Set<String> = ["ConfigTranslation"]

func dependencies(_ names: [String]) -> [Target.Dependency] {
  names.map { .init(stringLiteral: $0) }
}

func target(_ room: Room) -> Target {
  let uses = dependencies(room.uses)
  switch room.kind {
  case .c:
    return .target(
      name: room.name, dependencies: uses, cSettings: [.headerSearchPath("generated")],
      linkerSettings: room.links.map { .linkedLibrary($0) })
  case .cxx:
    return .target(
      name: room.name, dependencies: uses, cxxSettings: [.unsafeFlags(["-std=c++17"])],
      linkerSettings: [.linkedLibrary("re2"), .linkedLibrary("stdc++")])
  case .executable:
    return .executableTarget(name: room.name, dependencies: uses, swiftSettings: strict)
  case .library: return .target(name: room.name, dependencies: uses, swiftSettings: strict)
  }
}

let systemLibraries: [Target] = [
  .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c"),
  .systemLibrary(name: "CGRPC"),  // no pkgConfig: Debian's grpc.pc explodes the link line
  .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1"),
  .systemLibrary(name: "CEvent", pkgConfig: "libevent_openssl"),
  .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto"),
  .systemLibrary(name: "CCurl", pkgConfig: "libcurl"),
]

func tests(_ room: Room) -> Target {
  .testTarget(
    name: room.name + "Tests",
    dependencies: dependencies([room.name] + room.uses + (testUses[room.name] ?? [])),
    exclude: withGoldens.contains(room.name) ? ["Golden"] : [], swiftSettings: strict)
}

/// Measures the pure rooms (`make bench`).
let shapes = Target.executableTarget(
  name: "shapes",
  dependencies: dependencies([
    "ConfigTranslation", "MeshModel", "ServiceDiscovery", "Configuration", "EnvoyAPI", "YAML",
    "JSON", "Bytes",
  ]),
  path: "Tests/Bench/Shapes", swiftSettings: strict)

/// Simulated Envoys against any ADS server (`make bench`).
let load = Target.executableTarget(
  name: "adsload", dependencies: ["Bytes", "GRPC"], path: "Tests/Bench/ADSLoad",
  swiftSettings: strict)

/// Callers of a certificate authority (`make bench`).
let certificateLoad = Target.executableTarget(
  name: "certload",
  dependencies: dependencies(["Cryptography", "EnvoyAPI", "GRPC", "StateDirectory"]),
  path: "Tests/Bench/CertificateLoad", swiftSettings: strict)

/// Readers of strangers' bytes under libFuzzer (`make fuzz`), which needs the compiler's flags and so is
/// there only when asked for.
let fuzzing: [Target] = [
  .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
  .executableTarget(
    name: "fuzz",
    dependencies: dependencies([
      "CFuzzer", "Authentication", "Cryptography", "EnvoyAPI", "StateDirectory", "YAML", "JSON",
    ]),
    path: "Tests/Fuzz/Program", swiftSettings: strict),
]

let package = Package(
  name: "navarch",
  targets: systemLibraries + rooms.map(target) + rooms.filter { $0.kind == .library }.map(tests)
    + [shapes, load, certificateLoad, .testTarget(name: "TidyTests", swiftSettings: strict)]
    + (Context.environment["NAVARCH_FUZZ"] == nil ? [] : fuzzing),
  cxxLanguageStandard: .cxx17
)
