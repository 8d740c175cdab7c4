// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON

// shapes [--out FILE] [--seconds 0.3] [--services 1000] [--proxies 20] [--only SHAPE] [--output TYPE]
//
// Generates what the shapes of istiod's micro-benchmarks ask for, and prints CPU time and bytes
// beside istiod's published values; then what one change of a mesh costs, and what reading a list of
// 1,000 EndpointSlices with 100 endpoints each costs (--only decoding --output json|protobuf).

/// The value of an option of the command line.
func option(_ name: String, _ standard: String) -> String {
  guard let place = CommandLine.arguments.firstIndex(of: "--" + name),
    place + 1 < CommandLine.arguments.count
  else { return standard }
  return CommandLine.arguments[place + 1]
}

func run() throws {
  var table = Table()
  let (only, type) = (option("only", ""), option("output", ""))
  for shape in Shape.all where only.isEmpty || shape.name == only {
    let bench = try Bench(shape, budget: Double(option("seconds", "0.3")) ?? 0.3)
    let wanted = shape.outputs.filter { type.isEmpty || $0.rawValue == type }
    for output in wanted { table.add(bench.measure(output)) }
  }
  let counts = (Int(option("services", "1000")) ?? 1000, Int(option("proxies", "20")) ?? 20)
  if only.isEmpty || only == "changes" {
    var changes = try ChangeBench(services: counts.0, proxies: counts.1)
    table.begin(services: counts.0, proxies: counts.1)
    for row in try changes.run(repeats: Int(option("repeats", "5")) ?? 5) { table.add(row) }
  }
  if only.isEmpty || only == "decoding" {
    for row in try DecodingBench.run(only: type) { table.add(row) }
  }
  let path = option("out", "")
  if !path.isEmpty { try table.write(to: path) }
}

do {
  try run()
} catch {
  var text = "shapes: \(error)\n"
  text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
  exit(1)
}
