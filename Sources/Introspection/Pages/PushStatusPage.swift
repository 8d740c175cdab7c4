// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import HTTPServer
import JSON

/// `/debug/push_status`: what contradicts itself or leads nowhere, in istiod's shape: findings by
/// metric, each with the proxy and a sentence.
enum PushStatusPage {
  /// The findings of what is served now; none before the first snapshot.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    var page = JSONFields()
    let status = sources.pushStatus()
    for finding in PushStatus.Finding.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
      var keys = JSONFields()
      for (key, note) in (status?.notes[finding] ?? [:]).sorted(by: { $0.key < $1.key }) {
        var fields = JSONFields()
        if !note.proxy.isEmpty { fields.add("proxy", note.proxy) }
        if !note.message.isEmpty { fields.add("message", note.message) }
        keys.add(key, fields.value)
      }
      page.add(finding.rawValue, keys.value)
    }
    return .json(page.value, for: request)
  }
}
