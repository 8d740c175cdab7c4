// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON

extension Checker {
  /// Checks a WasmPlugin.
  mutating func check(_ object: ConfigObject<Istio.WasmPlugin>, _ path: FieldPath) {
    let plugin = object.spec
    target(
      selector: plugin.selector, reference: plugin.targetRef, references: plugin.targetRefs, path)
    module(plugin.url, plugin.sha256, plugin.imagePullSecret, plugin.pluginName, path)
    environment(plugin.vmConfig, path["vmConfig"]["env"])
    for (index, match) in plugin.match.enumerated() {
      selected(match.ports, path["match"][index]["ports"])
    }
  }

  /// Checks a TrafficExtension.
  mutating func check(_ object: ConfigObject<Istio.TrafficExtension>, _ path: FieldPath) {
    let spec = object.spec
    target(selector: spec.selector, reference: nil, references: spec.targetRefs, path)
    switch spec.filterConfig {
    case .wasm(let wasm)?:
      let here = path["wasm"]
      module(wasm.url, wasm.sha256, wasm.imagePullSecret, wasm.pluginName, here)
      environment(wasm.vmConfig, here["vmConfig"]["env"])
    case .lua(let lua)?:
      let size = lua.inlineCode.utf8.count
      require(size > 0, path["lua"]["inlineCode"], "must not be empty")
      require(size <= 65536, path["lua"]["inlineCode"], "must be at most 64 KiB")
    case nil: error(path, "must have wasm or lua")
    }
    for (index, match) in spec.match.enumerated() {
      selected(match.ports, path["match"][index]["ports"])
    }
  }

  private mutating func module(
    _ url: String, _ digest: String, _ secret: String, _ name: String, _ path: FieldPath
  ) {
    let scheme = Names.scheme(ofURL: url, isRequest: true)
    let isURL =
      scheme.map { ["", "file", "http", "https", "oci"].contains($0) }
      ?? (Names.scheme(ofURL: "http://" + url, isRequest: true) != nil)
    require(
      isURL && !url.isEmpty, path["url"], "must be a URL of oci, http, https or file")
    let isDigest =
      digest.utf8.count == 64
      && digest.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    require(digest.isEmpty || isDigest, path["sha256"], "must be 64 lowercase hexadecimal digits")
    require(secret.utf8.count <= 253, path["imagePullSecret"], "must be at most 253 bytes")
    require(name.utf8.count <= 256, path["pluginName"], "must be at most 256 bytes")
  }

  private mutating func environment(_ config: Istio.VmConfig?, _ path: FieldPath) {
    var names: Set<String> = []
    for (index, variable) in (config?.env ?? []).enumerated() {
      let here = path[index]
      require(
        (1...256).contains(variable.name.utf8.count), here["name"], "must be from 1 to 256 bytes")
      require(names.insert(variable.name).inserted, here["name"], "is given twice")
      require(
        variable.valueFrom == .inline || variable.value.isEmpty, here["value"],
        "goes with valueFrom INLINE only")
    }
  }

  private mutating func selected(_ ports: [Istio.Policy.PortSelector], _ path: FieldPath) {
    for (index, selector) in ports.enumerated() { port(selector.number, path[index]["number"]) }
  }

  /// Checks an EnvoyFilter.
  mutating func check(_ object: ConfigObject<Istio.EnvoyFilter>, _ path: FieldPath) {
    warn(
      true, path, "patches what proxies are told: an upgrade may change what it applies to")
    check(object.spec.workloadSelector, path["workloadSelector"])
    for (index, patch) in object.spec.configPatches.enumerated()
    where patch.match?.context != .waypoint {
      check(patch, path["configPatches"][index])
    }
  }

  private mutating func check(
    _ patch: Istio.EnvoyFilter.EnvoyConfigObjectPatch, _ path: FieldPath
  ) {
    guard patch.applyTo != .invalid else { return error(path["applyTo"], "must be given") }
    guard let change = patch.patch else { return error(path["patch"], "must be given") }
    guard change.operation != .invalid else {
      return error(path["patch"]["operation"], "must be given")
    }
    require(
      change.operation == .remove || change.value != nil, path["patch"]["value"],
      "must be given unless the operation is REMOVE")
    check(valueOf: patch, path["patch"]["value"])
    guard let match = patch.match else { return }
    let version = match.proxy?.proxyVersion ?? ""
    let here = path["match"]
    warn(
      version.utf8.count > 1024, here["proxy"]["proxyVersion"], "is too long, and is ignored")
    if !version.isEmpty, version.utf8.count <= 1024 {
      regex(version, here["proxy"]["proxyVersion"])
    }
    switch (patch.applyTo, match.objectTypes) {
    case (_, nil): break
    case (.listener, .listener(let listener)), (.filterChain, .listener(let listener)),
      (.networkFilter, .listener(let listener)), (.httpFilter, .listener(let listener)):
      if let filter = listener.filterChain?.filter {
        check(filter, of: patch.applyTo, here["listener"]["filterChain"]["filter"])
      }
    case (.listener, _), (.filterChain, _), (.networkFilter, _), (.httpFilter, _):
      error(here, "must be of a listener")
    case (.routeConfiguration, .routeConfiguration), (.virtualHost, .routeConfiguration),
      (.httpRoute, .routeConfiguration), (.cluster, .cluster):
      break
    case (.routeConfiguration, _), (.virtualHost, _), (.httpRoute, _):
      error(here, "must be of a routeConfiguration")
    case (.cluster, _): error(here, "must be of a cluster")
    default: break
    }
  }

  /// Reads the value of a patch as the message that it patches, as istiod does: what a younger Envoy
  /// may know is warned of, what is no such message is an error.
  private mutating func check(
    valueOf patch: Istio.EnvoyFilter.EnvoyConfigObjectPatch, _ path: FieldPath
  ) {
    Arena.scope { arena in
      do throws(ProtobufJSONError) {
        guard let read = try patch.read(in: arena) else { return }
        for name in read.unknown.names { warn(true, path, "\(name), for all that is known here") }
        for type in read.unknown.types {
          let isOfEnvoy = EnvoyPackages.mayHave(typeURL: type)
          require(isOfEnvoy, path, "\"\(type)\" is no type of Envoy's API (v3)")
          warn(isOfEnvoy, path, "\"\(type)\" is not known here, so that it is not checked")
        }
      } catch {
        self.error(FieldPath(path.elements + error.path.elements), error.reason)
      }
    }
  }

  private mutating func check(
    _ filter: Istio.EnvoyFilter.ListenerMatch.FilterMatch, of kind: Istio.EnvoyFilter.ApplyTo,
    _ path: FieldPath
  ) {
    warn(
      kind == .listener || kind == .filterChain, path, "has no effect on \(kind.protoName)")
    require(!filter.name.isEmpty, path["name"], "must be given")
    warn(Names.isOldFilter(filter.name), path["name"], "\"\(filter.name)\" is an old name")
    guard let inner = filter.subFilter else { return }
    let here = path["subFilter"]
    require(kind == .httpFilter, here, "goes with HTTP_FILTER only")
    require(
      [
        "envoy.filters.network.http_connection_manager", "envoy.http_connection_manager",
      ].contains(filter.name), path["name"],
      "must be envoy.filters.network.http_connection_manager where there is a subFilter")
    require(!inner.name.isEmpty, here["name"], "must be given")
    warn(Names.isOldFilter(inner.name), here["name"], "\"\(inner.name)\" is an old name")
  }
}

extension Names {
  /// Whether Envoy has another name for a filter by now.
  static func isOldFilter(_ name: String) -> Bool {
    [
      "envoy.buffer", "envoy.cors", "envoy.csrf", "envoy.http_dynamo_filter", "envoy.ext_authz",
      "envoy.fault", "envoy.grpc_http1_bridge", "envoy.grpc_json_transcoder", "envoy.grpc_web",
      "envoy.gzip", "envoy.health_check", "envoy.ip_tagging", "envoy.lua", "envoy.rate_limit",
      "envoy.router", "envoy.squash", "envoy.listener.http_inspector",
      "envoy.listener.original_dst", "envoy.listener.original_src",
      "envoy.listener.proxy_protocol", "envoy.listener.tls_inspector", "envoy.client_ssl_auth",
      "envoy.http_connection_manager", "envoy.mongo_proxy", "envoy.ratelimit",
      "envoy.redis_proxy", "envoy.tcp_proxy",
    ].contains(name)
  }
}
