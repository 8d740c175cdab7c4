// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON

extension HTTPResponse {
  /// A page of JSON, without secrets; over several lines if the query says `pretty`.
  static func json(_ value: JSONValue, for request: HTTPRequest) -> HTTPResponse {
    let format = request.query("pretty") == nil ? JSONFormat.compact : JSONFormat(indent: 4)
    return HTTPResponse(
      contentType: "application/json", bytes: Redaction.redacted(value).utf8(format))
  }

  /// A page that says what is wrong with a request, in a sentence or some lines.
  static func refusal(_ status: Int, _ text: String) -> HTTPResponse {
    .text(Redaction.redacted(text) + "\n", status: status)
  }
}
