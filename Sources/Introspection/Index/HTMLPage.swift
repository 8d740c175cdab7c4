// SPDX-License-Identifier: Apache-2.0

import HTTPServer

/// A page below the index: head with the way back, one column, nothing loaded from outside.
enum HTMLPage {
  /// The page of a title and its parts.
  static func respond(_ title: String, _ parts: [HTML], status: Int = 200) -> HTTPResponse {
    let head: HTML = "<p class=\"soft\"><a href=\"/debug\">Navarch</a></p><h1>\(title)</h1>"
    return document(title: "\(title) · Navarch", [head] + parts, status: status)
  }

  /// A whole document.
  static func document(title: String, _ parts: [HTML], status: Int = 200) -> HTTPResponse {
    let page: HTML = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(title)</title><style>\(IndexStyle.sheet)</style></head>
      <body><main>\(HTML(parts))</main></body></html>

      """
    var response = HTTPResponse.text(
      page.markup, status: status, contentType: "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response
  }
}
