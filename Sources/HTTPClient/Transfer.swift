// SPDX-License-Identifier: Apache-2.0
//
// Owns: one curl easy handle, its list of header fields, its error buffer.
// Threads: the loop's.
// Freed: by deinit; the loop has taken the handle out of its multi handle before.

internal import CCurl
internal import CCurlShims

/// One request in curl's hands.
///
/// curl holds an unretained pointer to it, which the loop's table keeps valid.
final class Transfer {
  let easy: UnsafeMutableRawPointer
  private let weak: WeakExchange
  private var fields: UnsafeMutablePointer<curl_slist>?
  private var target: UnsafeMutablePointer<curl_slist>?
  private let errorText: UnsafeMutableBufferPointer<CChar>
  private var head: [(name: String, value: String)] = []

  var exchange: HTTPExchange? { weak.exchange }

  init(_ request: HTTPClientRequest, _ weak: WeakExchange) throws(HTTPClientError) {
    guard let easy = curl_easy_init() else {
      throw HTTPClientError(kind: .invalid, description: "no memory for a request")
    }
    self.easy = easy
    self.weak = weak
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0)
    ccurl_set_error_buffer(easy, errorText.baseAddress)
    ccurl_set_receivers(
      easy, receiveHeader, receiveBody, Unmanaged.passUnretained(self).toOpaque())
    setConnection(request)
    setTLS(request.tls)
    guard setMessage(request) else {
      throw HTTPClientError(kind: .invalid, description: "\(request.url) is no URL of HTTP")
    }
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(fields)
    curl_slist_free_all(target)
    errorText.deallocate()
  }

  private func setConnection(_ request: HTTPClientRequest) {
    ccurl_set_number(easy, CURLOPT_NOSIGNAL, 1)
    ccurl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    ccurl_set_number(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    // Waits for the first connection to say whether it takes more than one request. Without TLS none
    // does, and curl 7.88 would let requests wait for more than that.
    if request.url.hasPrefix("https:") { ccurl_set_number(easy, CURLOPT_PIPEWAIT, 1) }
    ccurl_set_number(easy, CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout.milliseconds)
    ccurl_set_number(easy, CURLOPT_TCP_KEEPALIVE, 1)
    ccurl_set_number(easy, CURLOPT_TCP_KEEPIDLE, 15)
    ccurl_set_number(easy, CURLOPT_TCP_KEEPINTVL, 5)
    ccurl_set_dead_peer_timeout(easy, 30_000)
    if let idle = request.idleTimeout {
      ccurl_set_number(easy, CURLOPT_LOW_SPEED_LIMIT, 1)
      ccurl_set_number(easy, CURLOPT_LOW_SPEED_TIME, max(1, idle.milliseconds / 1000))
    }
    if let timeout = request.timeout {
      ccurl_set_number(easy, CURLOPT_TIMEOUT_MS, max(1, timeout.milliseconds))
    }
    if request.avoidsMachineServices { ccurl_avoid_machine_services(easy) }
    if let proxy = request.proxy { ccurl_set_text(easy, CURLOPT_PROXY, proxy) }
    if let place = request.connectTo {
      target = curl_slist_append(nil, "::\(place)")
      ccurl_set_list(easy, CURLOPT_CONNECT_TO, target)
    }
  }

  private func setTLS(_ tls: HTTPClientTLS) {
    ccurl_set_number(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    ccurl_set_number(easy, CURLOPT_SSL_VERIFYPEER, tls.verifies ? 1 : 0)
    ccurl_set_number(easy, CURLOPT_SSL_VERIFYHOST, tls.verifies ? 2 : 0)
    let blobs: [(CURLoption, [UInt8]?)] = [
      (CURLOPT_CAINFO_BLOB, tls.authorities), (CURLOPT_SSLCERT_BLOB, tls.certificate),
      (CURLOPT_SSLKEY_BLOB, tls.key),
    ]
    for case (let option, let bytes?) in blobs {
      bytes.withUnsafeBytes { _ = ccurl_set_bytes(easy, option, $0.baseAddress, $0.count) }
    }
  }

  private func setMessage(_ request: HTTPClientRequest) -> Bool {
    for field in request.headers {
      // A field without a value would be taken for one to leave out.
      guard !field.value.isEmpty else { continue }
      fields = curl_slist_append(fields, "\(field.name): \(field.value)")
    }
    ccurl_set_list(easy, CURLOPT_HTTPHEADER, fields)
    if let body = request.body {
      body.withUnsafeBytes { bytes in
        // Without a pointer curl would read the body elsewhere.
        let start = bytes.baseAddress ?? UnsafeRawPointer(errorText.baseAddress)
        _ = ccurl_set_body(easy, start, bytes.count)
      }
    }
    ccurl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method)
    return ccurl_set_text(easy, CURLOPT_URL, request.url) == CURLE_OK
  }

  // MARK: What curl says

  fileprivate func header(_ line: UnsafeBufferPointer<UInt8>) {
    guard !line.starts(with: "HTTP/".utf8) else {
      head = []
      return
    }
    let text = String(decoding: line, as: UTF8.self)
    if let colon = text.firstIndex(of: ":") {
      let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      let end = value.lastIndex { !$0.isWhitespace }
      head.append((text[..<colon].lowercased(), end.map { String(value[...$0]) } ?? ""))
      return
    }
    let status = Int(ccurl_status(easy))
    guard status >= 200, text.allSatisfy(\.isWhitespace) else { return }
    exchange?.begin(HTTPResponseHead(status: status, headers: head))
  }

  fileprivate func body(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    guard let exchange else { return 0 }
    return exchange.append(bytes) ? bytes.count : Int(CURL_WRITEFUNC_PAUSE)
  }

  /// What went wrong; nil where nothing did.
  func failure(_ result: CURLcode) -> HTTPClientError? {
    guard result != CURLE_OK else { return nil }
    var text = errorText.baseAddress.map { String(cString: $0) } ?? ""
    if text.isEmpty { text = String(cString: curl_easy_strerror(result)) }
    return HTTPClientError(kind: Transfer.kind(result), description: text)
  }

  private static func kind(_ result: CURLcode) -> HTTPClientError.Kind {
    switch result {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
      .unreachable
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR:
      .tls
    case CURLE_OPERATION_TIMEDOUT: .timeout
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_OUT_OF_MEMORY: .invalid
    default: .interrupted
    }
  }
}

private func receiveHeader(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let bytes, let context else { return 0 }
  let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  UnsafeRawPointer(bytes).withMemoryRebound(to: UInt8.self, capacity: size * count) {
    transfer.header(UnsafeBufferPointer(start: $0, count: size * count))
  }
  return size * count
}

private func receiveBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let bytes, let context else { return 0 }
  let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  return UnsafeRawPointer(bytes).withMemoryRebound(to: UInt8.self, capacity: size * count) {
    transfer.body(UnsafeBufferPointer(start: $0, count: size * count))
  }
}

extension Duration {
  fileprivate var milliseconds: Int { Int(self / .milliseconds(1)) }
}
