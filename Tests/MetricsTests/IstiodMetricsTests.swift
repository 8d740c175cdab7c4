// SPDX-License-Identifier: Apache-2.0

import Metrics
import Testing

@Suite struct IstiodMetricsTests {
  let registry = MetricsRegistry()

  @Test func nothingShowsBeforeItIsUsed() {
    _ = IstiodMetrics(registry)
    #expect(registry.exposition() == "")
  }

  @Test func versionAndUptime() {
    IstiodMetrics(registry).setVersion(tag: "1.2.3", version: "1.2.3-x")
    IstiodMetrics.addUptime(to: registry) { 12.5 }
    let text = registry.exposition()
    #expect(text.contains("istio_build{component=\"pilot\",tag=\"1.2.3\"} 1\n"))
    #expect(text.contains("pilot_info{version=\"1.2.3-x\"} 1\n"))
    #expect(text.contains("istiod_uptime_seconds 12.5\n"))
  }

  @Test func rejectsCountByNodeAndInTotal() {
    let metrics = IstiodMetrics(registry)
    metrics.xds.countReject(type: "cds", node: "a.b", error: "Internal")
    metrics.xds.countReject(type: "ecds", node: "a.b", error: "Internal")
    #expect(
      registry.exposition().contains("pilot_xds_cds_reject{node=\"a.b\",err=\"Internal\"} 1\n"))
    #expect(metrics.xds.rejects.value(["ecds"]) == 1)
    metrics.xds.forgetRejects(node: "a.b", errors: ["Internal"])
    #expect(!registry.exposition().contains("pilot_xds_cds_reject"))
  }

  /// The `le` values that istiod has must be there beside ours.
  @Test(arguments: [
    ("pilot_proxy_convergence_time", [0.1, 0.5, 1, 3, 5, 10, 20, 30]),
    ("pilot_proxy_queue_time", [0.1, 0.5, 1, 3, 5, 10, 20, 30]),
    ("pilot_debounce_time", [0.01, 0.1, 0.5, 1, 3, 5, 10, 20, 30]),
    ("pilot_xds_push_time", [0.01, 0.1, 0.5, 1, 3, 5, 10, 20, 30]),
    ("pilot_pushcontext_init_seconds", [0.01, 0.1, 0.5, 1, 3, 5]),
    ("pilot_xds_send_time", [0.01, 0.1, 1, 3, 5, 10, 20, 30]),
    ("pilot_xds_config_size_bytes", [1, 10000]),
  ])
  func bucketsOfIstiod(name: String, bounds: [Double]) {
    let metrics = IstiodMetrics(registry)
    for histogram in [
      metrics.push.convergenceTime, metrics.push.queueTime, metrics.push.debounceTime,
      metrics.push.snapshotTime, metrics.xds.sendTime,
    ] { histogram.observe(1) }
    metrics.xds.pushTime.observe(1, ["cds"])
    metrics.xds.configSize.observe(1, ["type.googleapis.com/x"])
    let lines = registry.exposition().split(separator: "\n")
      .filter { $0.hasPrefix(name + "_bucket") }
    for bound in bounds {
      let text = bound < 1 ? "\(bound)" : "\(Int(bound))"
      #expect(lines.contains { $0.contains("le=\"\(text)\"") }, "\(bound)")
    }
    if name.hasSuffix("bytes") {
      for text in ["1e+06", "4e+06", "1e+07", "4e+07"] {
        #expect(lines.contains { $0.contains("le=\"\(text)\"") })
      }
    }
  }

  @Test func processMetrics() throws {
    registry.addProcessMetrics()
    let lines = registry.exposition().split(separator: "\n").filter { !$0.hasPrefix("#") }
    let values = Dictionary(
      uniqueKeysWithValues: lines.map { line in
        let parts = line.split(separator: " ")
        return (String(parts[0]), Double(parts[1]) ?? -1)
      })
    #expect(
      values.keys.sorted() == [
        "process_cpu_seconds_total", "process_max_fds", "process_open_fds",
        "process_resident_memory_bytes", "process_start_time_seconds",
        "process_virtual_memory_bytes",
      ])
    let resident = try #require(values["process_resident_memory_bytes"])
    #expect(resident > 1e6 && resident < (values["process_virtual_memory_bytes"] ?? 0))
    #expect((values["process_open_fds"] ?? 0) >= 3)
    #expect((values["process_start_time_seconds"] ?? 0) > 1.5e9)
  }
}
