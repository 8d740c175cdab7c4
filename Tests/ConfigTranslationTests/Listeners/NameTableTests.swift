// SPDX-License-Identifier: Apache-2.0

import Bytes
import ConfigTranslation
import EnvoyAPI
import Testing

struct NameTableTests {
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
