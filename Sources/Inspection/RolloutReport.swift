// SPDX-License-Identifier: Apache-2.0

public import JSON

/// What `/debug/rollout` says of one object, for people.
public struct RolloutReport {
  private let page: JSONValue

  /// A report of the page's JSON.
  public init(_ page: JSONValue) { self.page = page }

  /// The summary, and below it the proxies that have not applied the object, each with why.
  public var text: String {
    let name = ["kind", "namespace", "name"].compactMap { page[$0]?.string }
      .filter { !$0.isEmpty }.joined(separator: "/")
    let summary = "\(name) \(page["summary"]?.string ?? "")\n"
    let refused = (page["refused"]?.array ?? []).map { refusal in
      let resources = (refusal["resources"]?.array ?? []).compactMap(\.string)
      return [
        refusal["proxy"]?.string ?? "", "refused", refusal["type"]?.string ?? "",
        resources.joined(separator: ","), refusal["message"]?.string ?? "",
      ]
    }
    let waiting = (page["waiting"]?.array ?? []).map { [$0.string ?? "", "waiting"] }
    guard !refused.isEmpty || !waiting.isEmpty else { return summary }
    let header = ["PROXY", "STATE", "TYPE", "RESOURCES", "MESSAGE"]
    return summary + TextTable(header, refused + waiting).text
  }
}
