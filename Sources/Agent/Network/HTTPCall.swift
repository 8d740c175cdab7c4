// SPDX-License-Identifier: Apache-2.0

/// One HTTP/1.1 request on a connection of its own, and its answer.
struct HTTPCall: Sendable {
  /// What came back.
  struct Answer: Equatable, Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    /// The first value of a header.
    subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

    static func == (left: Answer, right: Answer) -> Bool {
      left.status == right.status && left.body == right.body
        && left.headers.map { [$0.name, $0.value] } == right.headers.map { [$0.name, $0.value] }
    }
  }

  var method = "GET"
  var address: SocketAddress
  /// The path with its query, as it goes over the wire.
  var target: String
  var host = "localhost"
  var headers: [(name: String, value: String)] = []
  /// Whether it goes by TLS, to whom it may be.
  var isSecure = false
  /// The address to connect from; nil for the system's choice.
  var local: IPAddress?
  var timeout = Duration.seconds(1)
  /// The most bytes of an answer; more are an error.
  var limit = 256 << 20

  /// Sends it; the task waits while a thread of its own does the work.
  func answer() async throws(AgentError) -> Answer {
    let result = await AgentThread.value { () -> Result<Answer, AgentError> in
      do throws(AgentError) { return .success(try perform()) } catch { return .failure(error) }
    }
    guard let result else { throw AgentError("there is no thread for a request") }
    return try result.get()
  }

  /// Sends it on this thread, which waits for the answer.
  func perform() throws(AgentError) -> Answer {
    let deadline = ContinuousClock.now + timeout
    var connection = try StreamConnection(address, from: local, deadline: deadline)
    if isSecure {
      let isName = IPAddress(host.split(separator: ":").first.map(String.init) ?? host) == nil
      try connection.secure(serverName: isName ? HTTPCall.hostName(host) : nil)
    }
    var text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n"
    for (name, value) in headers where HTTPCall.isClean(name) && HTTPCall.isClean(value) {
      text += "\(name): \(value)\r\n"
    }
    if method == "POST" { text += "Content-Length: 0\r\n" }
    guard connection.write(Array((text + "\r\n").utf8)) else {
      throw AgentError("\(address) does not take the request")
    }
    var bytes: [UInt8] = []
    while let more = connection.read() {
      bytes += more
      if bytes.count > limit { throw AgentError("the answer of \(address) is too large") }
      if HTTPCall.isWhole(bytes) { break }
    }
    guard let answer = HTTPCall.parse(bytes) else {
      throw AgentError("\(address) does not answer in HTTP")
    }
    return answer
  }

  /// A host without its port.
  static func hostName(_ host: String) -> String {
    guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return host }
    return String(host[..<colon])
  }

  private static func isClean(_ text: String) -> Bool {
    !text.utf8.contains { $0 == 13 || $0 == 10 || $0 == 0 }
  }

  private static let gap = Array("\r\n\r\n".utf8)

  private static func headEnd(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (0...(bytes.count - 4)).first {
      bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
    }
  }

  /// Whether an answer that says its length is there to its end.
  private static func isWhole(_ bytes: [UInt8]) -> Bool {
    guard bytes.count < 1 << 16, let end = headEnd(bytes) else { return false }
    let fields = headers(bytes[..<end])
    guard
      let length = fields.first(where: { $0.name == "content-length" }).flatMap({ Int($0.value) })
    else { return false }
    return bytes.count - end - gap.count >= length
  }

  private static func headers(_ head: ArraySlice<UInt8>) -> [(name: String, value: String)] {
    String(decoding: head, as: UTF8.self).split(separator: "\r\n").dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count > 1 ? parts[1] : ""
      return (
        parts[0].lowercased(), String(value.drop { $0 == " " }).trimmingEnd
      )
    }
  }

  /// An answer of its bytes; nil where they are none.
  static func parse(_ bytes: [UInt8]) -> Answer? {
    guard let end = headEnd(bytes) else { return nil }
    let line = String(decoding: bytes[..<end].prefix { $0 != 13 }, as: UTF8.self)
    let words = line.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      return nil
    }
    let fields = headers(bytes[..<end])
    var answer = Answer(status: status, headers: fields, body: [])
    let body = bytes[(end + gap.count)...]
    let isChunked = answer["transfer-encoding"]?.lowercased() == "chunked"
    if isChunked {
      answer.body = joined(body)
    } else if let length = answer["content-length"].flatMap(Int.init), length >= 0 {
      answer.body = Array(body.prefix(length))
    } else {
      answer.body = Array(body)
    }
    return answer
  }

  /// The content of chunks, each of which says its size in hexadecimal on a line of its own.
  private static func joined(_ chunks: ArraySlice<UInt8>) -> [UInt8] {
    var (rest, content) = (chunks, [UInt8]())
    while let end = rest.firstIndex(of: UInt8(ascii: "\r")) {
      let line = String(decoding: rest[..<end].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
      guard let size = Int(line, radix: 16), size > 0 else { break }
      rest = rest[end...].dropFirst(2)
      content += rest.prefix(size)
      rest = rest.dropFirst(size + 2)
    }
    return content
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var text = self
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}
