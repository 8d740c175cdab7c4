// SPDX-License-Identifier: Apache-2.0

import Configuration
import Flags
import JSON
import YAML

extension Command {
  /// `create-remote-secret`: the Secret by which a control plane reads another cluster.
  static let createRemoteSecret = Command(
    name: "create-remote-secret",
    help: "Print the Secret by which a control plane reads another cluster",
    flags: [
      Flag("name", .text, "", "The other cluster's name, its control plane's --clusterID"),
      Flag("kubeconfig", .text, "", short: "c", "A kubeconfig that may read the other cluster"),
      Flag("context", .text, "", "The kubeconfig's context (default: its current one)"),
      Flag("server", .text, "", "The other API server's URL, in place of the kubeconfig's"),
      Flag("ca-file", .text, "", "The file of its authority, where no kubeconfig is given"),
      Flag("token-file", .text, "", "The file of a token of istio-reader-service-account"),
      Flag(
        "namespace", .text, "istio-system", short: "n", "The namespace that the Secret is for"),
    ]
  ) { context in
    let line = context.line
    let name = try line.required("name")
    let config =
      line["kubeconfig"].isEmpty
      ? try RemoteCluster(flags: line)
      : try RemoteCluster(
        kubeconfig: String(decoding: try InputFile.read(line["kubeconfig"]), as: UTF8.self),
        context: line["context"], server: line["server"], token: try line.token())
    return "# This file is made by navarchctl; make it anew instead of editing it.\n"
      + YAML.text(of: config.secret(name: name, namespace: line["namespace"]))
  }
}

extension FlagValues {
  /// The token of `--token-file`; nil where none is given.
  fileprivate func token() throws(FlagError) -> String? {
    guard !self["token-file"].isEmpty else { return nil }
    let text = String(decoding: try InputFile.read(self["token-file"]), as: UTF8.self)
    return String(text.prefix { !$0.isWhitespace })
  }
}

/// How another cluster is reached: one cluster and one user of a kubeconfig.
struct RemoteCluster {
  private var cluster: JSONValue
  private var user: JSONValue

  /// A cluster by its address, authority and token.
  init(flags: FlagValues) throws(FlagError) {
    guard let token = try flags.token() else {
      throw FlagError("Give --kubeconfig, or --server, --ca-file and --token-file.")
    }
    let authority = try InputFile.read(try flags.required("ca-file"))
    cluster = [
      "certificate-authority-data": .string(Base64.encode(authority)),
      "server": .string(try flags.required("server")),
    ]
    user = ["token": .string(token)]
  }

  /// What a context of a kubeconfig names; files that it refers to are taken in.
  init(kubeconfig: String, context: String, server: String, token: String?) throws(FlagError) {
    guard let config = YAML.documents(in: kubeconfig).documents.first?.value,
      config["kind"]?.string == "Config"
    else { throw FlagError("The file of --kubeconfig is no kubeconfig.") }
    let wanted = context.isEmpty ? config["current-context"]?.string ?? "" : context
    let found = try Self.entry(wanted, "contexts", "context", in: config)
    var cluster = try Self.entry(
      found["cluster"]?.string ?? "", "clusters", "cluster", in: config)
    var user: JSONValue
    if let token {
      user = ["token": .string(token)]
    } else {
      user = try Self.entry(found["user"]?.string ?? "", "users", "user", in: config)
    }
    try Self.takeIn("certificate-authority", &cluster)
    for name in ["client-certificate", "client-key"] { try Self.takeIn(name, &user) }
    guard user["exec"] == nil, user["auth-provider"] == nil else {
      throw FlagError(
        "The user of context \(wanted) asks a program for its credentials, which a control plane "
          + "would have to run: give --token-file.")
    }
    if let file = user["tokenFile"]?.string {
      let text = String(decoding: try InputFile.read(file), as: UTF8.self)
      user = ["token": .string(String(text.prefix { !$0.isWhitespace }))]
    }
    if !server.isEmpty { cluster = cluster.setting("server", .string(server)) }
    self.cluster = cluster
    self.user = user
  }

  /// The Secret, in istioctl's form.
  func secret(name: String, namespace: String) -> JSONValue {
    let config: JSONValue = [
      "apiVersion": "v1",
      "clusters": [["cluster": cluster, "name": .string(name)]],
      "contexts": [
        ["context": ["cluster": .string(name), "user": .string(name)], "name": .string(name)]
      ],
      "current-context": .string(name),
      "kind": "Config",
      "users": [["name": .string(name), "user": user]],
    ]
    return [
      "apiVersion": "v1",
      "kind": "Secret",
      "metadata": [
        "annotations": ["networking.istio.io/cluster": .string(name)],
        "labels": ["istio/multiCluster": "true"],
        "name": .string("istio-remote-secret-" + name),
        "namespace": .string(namespace),
      ],
      "stringData": .object(.init(distinct: [.init(name, .string(YAML.text(of: config)))])),
    ]
  }

  private static func entry(
    _ name: String, _ list: String, _ member: String, in config: JSONValue
  ) throws(FlagError) -> JSONValue {
    let entries = config[list]?.array ?? []
    guard let found = entries.first(where: { $0["name"]?.string == name })?[member] else {
      throw FlagError("The kubeconfig has no \(member) named \"\(name)\".")
    }
    return found
  }

  /// Replaces the name of a file by its content, in base64 as `NAME-data`.
  private static func takeIn(_ name: String, _ entry: inout JSONValue) throws(FlagError) {
    guard let path = entry[name]?.string else { return }
    let data = JSONValue.string(Base64.encode(try InputFile.read(path)))
    entry = entry.setting(name, nil).setting(name + "-data", data)
  }
}

extension JSONValue {
  /// The object with a member set, or without it.
  fileprivate func setting(_ name: String, _ value: JSONValue?) -> JSONValue {
    var object = object ?? JSONObject()
    object[name] = value
    return .object(object)
  }
}
