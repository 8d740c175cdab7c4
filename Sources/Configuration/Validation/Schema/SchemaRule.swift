// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a CRD asks by an expression: each of them has a name in `proto/istio/schema.txt`.
enum SchemaRule: Sendable {
  // Of texts.
  case duration, plain, notAll, socket, webURL, fetchURL
  // Of numbers.
  case port
  // Of objects whose members are a map.
  case plainKeys, givenKeys, portKeys, portNames
  // Of messages.
  case atMostOne([String])
  case atLeastOne([String])
  case socketWithoutPorts, hostWithoutValue, waypointMatch, ranges, noneWithoutEndpoints
  case oneEndpoint, accountsAlone, portsOfSelected, upsertWithValue, removeWithoutValue

  /// The rule of a name; nil where there is none.
  init?(_ name: String, _ members: [String]) {
    let rules: [String: SchemaRule] = [
      "duration": .duration, "plain": .plain, "notAll": .notAll, "socket": .socket,
      "webURL": .webURL, "fetchURL": .fetchURL, "port": .port, "plainKeys": .plainKeys,
      "givenKeys": .givenKeys, "portKeys": .portKeys, "portNames": .portNames,
      "atMostOne": .atMostOne(members), "atLeastOne": .atLeastOne(members),
      "socketWithoutPorts": .socketWithoutPorts, "hostWithoutValue": .hostWithoutValue,
      "waypointMatch": .waypointMatch, "ranges": .ranges,
      "noneWithoutEndpoints": .noneWithoutEndpoints, "oneEndpoint": .oneEndpoint,
      "accountsAlone": .accountsAlone, "portsOfSelected": .portsOfSelected,
      "upsertWithValue": .upsertWithValue, "removeWithoutValue": .removeWithoutValue,
    ]
    guard let rule = rules[name] else { return nil }
    self = rule
  }

  func check(_ text: String, _ path: FieldPath, _ checker: inout Checker) {
    switch self {
    case .duration:
      let duration = Duration(protoText: text)
      checker.require(
        duration.map { $0 >= .milliseconds(1) } ?? false, path, "must be at least 1ms")
    case .plain: checker.require(!text.contains("*"), path, "wildcards are not supported")
    case .notAll: checker.require(text != "*", path, "must not be *")
    case .socket:
      checker.require(
        !text.hasPrefix("unix://") || Names.isUnixSocket(text) && !text.hasSuffix("/"), path,
        "must be the absolute path of a file")
    case .webURL:
      checker.require(
        Names.scheme(ofURL: text).map { ["http", "https"].contains($0) } ?? false, path,
        "must be a URL of http or https")
    case .fetchURL:
      let scheme = Names.scheme(ofURL: text, isRequest: true)
      checker.require(
        scheme.map { ["", "http", "https", "file", "oci"].contains($0) }
          ?? (Names.scheme(ofURL: "http://" + text, isRequest: true) != nil), path,
        "must be a URL of oci, http, https or file")
    default: break
    }
  }

  func check(_ number: Double, _ path: FieldPath, _ checker: inout Checker) {
    if case .port = self {
      checker.require(number > 0 && number <= 65535, path, "must be from 1 to 65535")
    }
  }

  func check(_ object: JSONObject, _ path: FieldPath, _ checker: inout Checker) {
    switch self {
    case .plainKeys, .givenKeys, .portKeys, .portNames: checkKeys(of: object, path, &checker)
    case .atMostOne(let names):
      let given = names.filter { object[$0] != nil }
      checker.require(
        given.count < 2, path, "only one of \(names.joined(separator: ", ")) may be given")
    case .atLeastOne(let names):
      checker.require(
        names.contains { object[$0] != nil }, path,
        "\(names.joined(separator: " or ")) must be given")
    case .accountsAlone:
      let others = ["principals", "notPrincipals", "namespaces", "notNamespaces"]
      let hasAccounts = object["serviceAccounts"] != nil || object["notServiceAccounts"] != nil
      checker.require(
        !hasAccounts || others.allSatisfy { object[$0] == nil }, path["serviceAccounts"],
        "does not go with namespaces or principals")
    case .portsOfSelected:
      let labels = object["selector"]?["matchLabels"]?.object?.members ?? []
      checker.require(
        object["portLevelMtls"] == nil || !labels.isEmpty, path["portLevelMtls"],
        "goes with a selector only")
    case .waypointMatch:
      let isWaypoint = object["context"]?.string == "WAYPOINT"
      checker.require(
        isWaypoint == (object["waypoint"] != nil), path["waypoint"],
        "goes with the context WAYPOINT, and only with it")
    default: checkValues(of: object, path, &checker)
    }
  }

  private func checkKeys(of object: JSONObject, _ path: FieldPath, _ checker: inout Checker) {
    for key in object.members.map(\.key) {
      switch self {
      case .plainKeys:
        checker.require(!key.contains("*"), path[key], "wildcards are not supported")
      case .givenKeys: checker.require(!key.isEmpty, path, "a label must have a key")
      case .portKeys:
        let isPort = Int(key).map { (1...65535).contains($0) } ?? false
        checker.require(isPort, path[key], "must be from 1 to 65535")
      default:
        checker.require(
          key.utf8.count < 63 && Names.isDNSLabel(key), path[key],
          "\"\(key)\" is not a name of a port")
      }
    }
  }

  private func checkValues(of object: JSONObject, _ path: FieldPath, _ checker: inout Checker) {
    let resolution = object["resolution"]?.string ?? "NONE"
    switch self {
    case .socketWithoutPorts:
      checker.require(
        object["address"]?.string?.hasPrefix("unix://") != true || object["ports"] == nil,
        path["ports"], "do not go with a Unix socket")
    case .hostWithoutValue:
      checker.require(
        object["valueFrom"]?.string != "HOST" || object["value"] == nil, path["value"],
        "goes with valueFrom INLINE only")
    case .ranges:
      let hasRange = object["addresses"]?.array?.contains { $0.string?.contains("/") ?? false }
      checker.require(
        hasRange != true || ["STATIC", "NONE"].contains(resolution), path["addresses"],
        "ranges go with the resolutions NONE and STATIC only")
    case .noneWithoutEndpoints:
      checker.require(
        resolution != "NONE" || object["endpoints"] == nil, path["endpoints"],
        "do not go with the resolution NONE")
    case .oneEndpoint:
      checker.require(
        resolution != "DNS_ROUND_ROBIN" || (object["endpoints"]?.array?.count ?? 0) <= 1,
        path["endpoints"], "DNS_ROUND_ROBIN takes one endpoint only")
    case .upsertWithValue:
      let hasValue = object["value"]?.string.map { !$0.isEmpty } ?? false
      checker.require(
        object["operation"]?.string != "UPSERT" || hasValue, path["value"],
        "must be given for UPSERT")
    case .removeWithoutValue:
      checker.require(
        object["operation"]?.string != "REMOVE" || object["value"] == nil, path["value"],
        "goes with UPSERT only")
    default: break
    }
  }
}
