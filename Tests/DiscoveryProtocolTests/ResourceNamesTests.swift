// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import Testing

@Suite struct ResourceNamesTests {
  @Test func equalSetsAreOneObjectForAsLongAsSomebodyHasIt() {
    let table = ResourceNamesTable()
    let first = table.names(["b", "a"])
    #expect(first.sorted == ["a", "b"])
    #expect(table.names(["a", "b"]) === first)
    #expect(table.names(["a"]) !== first)
    for number in 0..<200 { #expect(table.names(["\(number)"]).sorted == ["\(number)"]) }
    #expect(table.names(["a", "b"]) === first)
  }

  @Test func changesLeadToTheOneObjectOfTheResult() {
    let table = ResourceNamesTable()
    let first = table.names(["a", "b"])
    let next = table.changed(first, adding: ["c"], removing: ["a"])
    #expect(next.sorted == ["b", "c"])
    #expect(table.changed(first, adding: ["c"], removing: ["a"]) === next)
    #expect(table.names(["c", "b"]) === next)
    #expect(table.changed(next, adding: ["b"], removing: []) === next, "it has that already")
    #expect(table.changed(next, adding: ["b"], removing: ["b"]) === next, "added after all")
    #expect(table.changed(next, adding: [], removing: ["b", "c", "x"]).sorted.isEmpty)
    let many = (0..<100).map(String.init)
    #expect(table.changed(first, adding: many, removing: ["a"]).sorted == (many + ["b"]).sorted())
  }
}
