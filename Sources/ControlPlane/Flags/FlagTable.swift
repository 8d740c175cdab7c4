// SPDX-License-Identifier: Apache-2.0

import Flags

/// The flags of istiod's `discovery` command, with its defaults but for one: the plaintext gRPC
/// port listens on loopback unless `--grpcAddr` is given.
enum FlagTable {
  static func flags(_ environment: [String: String]) -> [Flag] {
    let namespace = environment["POD_NAMESPACE"] ?? "istio-system"
    let cluster = environment["CLUSTER_ID"] ?? "Kubernetes"
    return sources(namespace: namespace, cluster: cluster) + addresses + certificates + limits
      + logging
  }

  private static func sources(namespace: String, cluster: String) -> [Flag] {
    [
      Flag(
        "configDir", .text, "", used: true,
        "Directory of YAML and JSON files to serve, instead of a cluster"),
      Flag(
        "meshConfig", .text, "./etc/istio/config/mesh", used: true,
        "File with the mesh's configuration; need not exist"),
      Flag(
        "networksConfig", .text, "./etc/istio/config/meshNetworks", used: true,
        "File with the mesh's networks; need not exist"),
      Flag("domain", .text, "cluster.local", used: true, "DNS domain of the cluster"),
      Flag("clusterID", .text, cluster, used: true, "Name of the cluster this runs in"),
      Flag(
        "clusterAliases", .list, "", used: true,
        "Aliases of cluster names (alias=cluster,…), by which callers may mean them"),
      Flag(
        "namespace", .text, namespace, short: "n", used: true,
        "Namespace that the control plane runs in"),
      Flag("cniNamespace", .text, namespace, "Namespace of the CNI agent"),
      Flag("registries", .list, "Kubernetes", "Platform registries to read"),
      Flag(
        "clusterRegistriesNamespace", .text, namespace, used: true,
        "Namespace of remote clusters' secrets"),
      Flag(
        "kubeconfig", .text, "", used: true,
        "Kubernetes configuration file; in a cluster none is needed"),
      Flag(
        "kubeconfigExec", .truth, "false", used: true,
        "Run the programs by which users of --kubeconfig get credentials (exec)"),
      Flag(
        "kubernetesApiQPS", .number, "80", used: true,
        "Most requests a second to the Kubernetes API"),
      Flag(
        "kubernetesApiBurst", .number, "160", used: true, "Largest burst to the Kubernetes API"),
    ]
  }

  /// Where the plaintext gRPC port listens unless told otherwise: not reachable from outside.
  static let loopbackGRPC = "127.0.0.1:15010"

  private static let addresses = [
    Flag(
      "grpcAddr", .text, loopbackGRPC, used: true,
      "Address of plaintext gRPC; \":15010\" listens on every interface"),
    Flag("httpAddr", .text, ":8080", used: true, "Address of readiness and debug pages"),
    Flag("monitoringAddr", .text, ":15014", used: true, "Address of metrics and version"),
    Flag(
      "secureGRPCAddr", .text, ":15012", used: true,
      "Address of gRPC with TLS, where callers prove who they are; empty for none"),
    Flag("httpsAddr", .text, ":15017", "Address of webhooks"),
    Flag("shutdownDuration", .duration, "10s", used: true, "Time to end in after a signal"),
    Flag("profile", .truth, "true", "Serve profiles"),
    Flag("ctrlz_port", .number, "9876", "Port of the introspection facility"),
    Flag("ctrlz_address", .text, "localhost", "Address of the introspection facility"),
  ]

  private static let certificates = [
    Flag(
      "stateDir", .text, "", used: true,
      "Directory that keeps keys where there is no Kubernetes; made where it is missing"),
    Flag(
      "allowAgentlessKeys", .truth, "false", used: true,
      "Make keys for proxies without an agent that ask for their certificate over ADS"),
    Flag(
      "caCertFile", .text, "", used: true,
      "Roots that clients' certificates may come from, besides the authority's own"),
    Flag(
      "tlsCertFile", .text, "", used: true,
      "Server certificate with its chain, in place of one from the authority"),
    Flag("tlsKeyFile", .text, "", used: true, "Private key of the server certificate"),
    Flag(
      "tls-cipher-suites", .list, "", used: true,
      "Cipher suites of TLS 1.2 to offer, by Go's names; those of TLS 1.3 always are"),
    Flag("tls-min-version", .text, "1.2", used: true, "Oldest TLS version to accept: 1.2 or 1.3"),
  ]

  private static let limits = [
    Flag("keepaliveInterval", .duration, "30s", used: true, "Time without traffic before a ping"),
    Flag("keepaliveTimeout", .duration, "10s", used: true, "Time to wait for a ping's answer"),
    Flag(
      "keepaliveMaxServerConnectionAge", .duration, "2562047h47m16.854775807s", used: true,
      "Age at which a connection is asked to reconnect"),
  ]

  private static let logging = [
    Flag(
      "log_output_level", .text, "default:info", used: true,
      "Least level written, by scope: scope:level,…"),
    Flag("log_as_json", .truth, "false", used: true, "Write JSON lines"),
    Flag("log_target", .list, "stdout", used: true, "Where to write: stdout, stderr or files"),
    Flag("log_caller", .text, "", used: true, "Scopes whose lines name the source line"),
    Flag(
      "log_stacktrace_level", .text, "default:none", used: true,
      "Least level written with a stack trace, by scope"),
    Flag("log_rotate", .text, "", "File to rotate the log in"),
    Flag("log_rotate_max_age", .number, "30", "Days to keep rotated files"),
    Flag("log_rotate_max_backups", .number, "1000", "Rotated files to keep"),
    Flag("log_rotate_max_size", .number, "104857600", "Bytes of a file before it is rotated"),
    Flag("vklog", .number, "0", "Verbosity of the Kubernetes client"),
  ]
}
