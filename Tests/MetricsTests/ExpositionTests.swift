// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Metrics

@Suite struct ExpositionTests {
  let registry = MetricsRegistry(seriesLimit: 3)

  @Test func orderAndEscaping() {
    let pushes = registry.counter("b_pushes", help: "A \"b\" \\ c\nd", labels: ["type", "node"])
    pushes.increment(["lds", "x\"\\\n"])
    pushes.increment(["cds", "z"], by: 2)
    pushes.increment(["cds", "é"])
    registry.gauge("a_services", help: "Services.").set(-1.5)
    _ = registry.counter("never_used", help: "Not shown.")
    #expect(
      registry.exposition() == #"""
        # HELP a_services Services.
        # TYPE a_services gauge
        a_services -1.5
        # HELP b_pushes A "b" \\ c\nd
        # TYPE b_pushes counter
        b_pushes{type="cds",node="z"} 2
        b_pushes{type="cds",node="é"} 1
        b_pushes{type="lds",node="x\"\\\n"} 1

        """#)
  }

  @Test func histogram() {
    let time = registry.histogram("t", help: "T.", labels: ["type"], bounds: [0.01, 0.1, 1e6])
    for value in [0.01, 0.010001, 5, 2e6] { time.observe(value, ["cds"]) }
    time.observe(.milliseconds(10), ["cds"])
    #expect(
      registry.exposition() == """
        # HELP t T.
        # TYPE t histogram
        t_bucket{type="cds",le="0.01"} 2
        t_bucket{type="cds",le="0.1"} 3
        t_bucket{type="cds",le="1e+06"} 4
        t_bucket{type="cds",le="+Inf"} 5
        t_sum{type="cds"} \(formatNumber(0.01 + 0.010001 + 5 + 2e6 + 0.01))
        t_count{type="cds"} 5

        """)
    #expect(time.count(["cds"]) == 5)
  }

  @Test func cardinalityIsBounded() {
    let gauge = registry.gauge("g", help: "G.", labels: ["node"])
    for node in 0..<5 { gauge.set(1, ["n\(node)"]) }
    gauge.set(7, ["n0"])
    let text = registry.exposition()
    #expect(text.contains("g{node=\"n0\"} 7\n"))
    #expect(!text.contains("n3"))
    #expect(text.contains("navarch_metrics_series_dropped_total{metric=\"g\"} 2\n"))
    gauge.remove(["n0"])
    gauge.set(1, ["n4"])
    #expect(gauge.value(["n4"]) == 1)
    gauge.replaceAll([["a"]: 1, ["b"]: 2])
    #expect(gauge.value(["n4"]) == nil && gauge.value(["b"]) == 2)
  }

  @Test func callbacksAreAskedOnEachScrape() {
    let source = registry.gauge("source", help: "S.")
    registry.callback("derived", help: "D.") { source.value() }
    #expect(registry.exposition() == "")
    source.set(4)
    #expect(registry.exposition().contains("# TYPE derived gauge\nderived 4\n"))
  }

  @Test func sameNameIsSameFamily() {
    registry.counter("c", help: "C.").increment()
    registry.counter("c", help: "C.").increment(by: 0.5)
    #expect(registry.counter("c", help: "C.").value() == 1.5)
  }

  @Test func noUpdateIsLost() async {
    let counter = registry.counter("c", help: "C.")
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<1000 { counter.increment() } } }
    }
    #expect(counter.value() == 8000)
  }

  @Test(arguments: [
    (0, "0"), (1, "1"), (0.0001, "0.0001"), (0.00001, "1e-05"), (0.0025, "0.0025"),
    (999_999, "999999"), (1e6, "1e+06"), (4e7, "4e+07"), (1_234_567, "1.234567e+06"),
    (12.75, "12.75"), (-30, "-30"), (1e100, "1e+100"), (100_000.5, "100000.5"),
    (Double.infinity, "+Inf"), (-Double.infinity, "-Inf"), (Double.nan, "NaN"),
    (1.7e-7, "1.7e-07"), (123.456, "123.456"), (10, "10"),
  ])
  func numbersAsGoWritesThem(value: Double, text: String) {
    #expect(formatNumber(value) == text)
  }
}
