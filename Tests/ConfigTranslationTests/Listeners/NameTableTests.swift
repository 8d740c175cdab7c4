// SPDX-License-Identifier: Apache-2.0

import Bytes
import ConfigTranslation
import EnvoyAPI
import Testing

struct NameTableTests {
  private func table(_ context: ProxyContext) -> [String: [String]] {
    context.nameTable().packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        var found: [String: [String]] = [:]
        guard let table = try? Envoy.NameTable(unpacking: bytes, in: arena) else { return found }
        for host in ["stateful", "six"].map({ $0 + ".default.svc.cluster.local" }) {
          if let entry = table.table[host] { found[host] = Array(entry.ips) }
        }
        return found
      }
    }
  }

  @Test func `a headless service is told by the endpoints of its first port`() {
    let world = ListenerWorld(
      """
      apiVersion: v1
      kind: Service
      metadata: {name: stateful, namespace: default}
      spec:
        clusterIP: None
        selector: {app: stateful}
        ports: [{name: first, port: 1000}, {name: second, port: 2000}]
      ---
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata:
        {name: s-1, namespace: default, labels: {kubernetes.io/service-name: stateful}}
      addressType: IPv4
      ports: [{name: first, port: 1000}, {name: second, port: 2000}]
      endpoints: [{addresses: [10.0.1.1], conditions: {ready: true}}]
      ---
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata:
        {name: s-2, namespace: default, labels: {kubernetes.io/service-name: stateful}}
      addressType: IPv4
      ports: [{name: second, port: 2000}]
      endpoints: [{addresses: [10.0.1.2], conditions: {ready: true}}]
      """)
    #expect(table(world.context())["stateful.default.svc.cluster.local"] == ["10.0.1.1"])
  }

  @Test func `an address of a family that the proxy has not is not told`() {
    let world = ListenerWorld(
      """
      apiVersion: v1
      kind: Service
      metadata: {name: six, namespace: default}
      spec:
        clusterIP: "fd00::1"
        clusterIPs: ["fd00::1"]
        ports: [{name: first, port: 1000}]
      """)
    #expect(table(world.context())["six.default.svc.cluster.local"] == nil)
    #expect(
      table(world.context(address: "fd00::9"))["six.default.svc.cluster.local"] == ["fd00::1"])
  }

  @Test func namesHaveTheAddressesThatListenersHave() throws {
    let table = ListenerWorld().context().nameTable()
    let ips = table.packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        (try? Envoy.NameTable(unpacking: bytes, in: arena))?
          .table["server.default.svc.cluster.local"].map { Array($0.ips) }
      }
    }
    #expect(ips == ["10.1.0.2"])
  }
}
