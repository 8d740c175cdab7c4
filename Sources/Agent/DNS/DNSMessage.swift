// SPDX-License-Identifier: Apache-2.0

/// What a DNS client asks (RFC 1035, section 4; RFC 6891 for the size of its answer).
struct DNSQuery: Equatable, Sendable {
  /// The kinds of records that this room makes answers of.
  enum Kind {
    static let address: UInt16 = 1
    static let alias: UInt16 = 5
    static let options: UInt16 = 41
    static let address6: UInt16 = 28
  }

  /// The largest answer over UDP where the client says nothing (RFC 1035, section 4.2.1).
  static let standardSize = 512

  var id: UInt16
  var flags: UInt16
  /// The name asked for in lower case, with a dot at its end; nil where nothing is asked.
  var name: String?
  var kind: UInt16 = 0
  /// The question as it came, to be given back with the answer.
  var question: [UInt8] = []
  /// How large an answer over UDP may be, in bytes.
  var size = standardSize

  /// Reads a message; nil where it is no query that can be answered at all.
  init?(_ bytes: [UInt8]) {
    var reader = DNSReader(bytes)
    guard let id = reader.number(), let flags = reader.number(), flags & 0x8000 == 0,
      let questions = reader.number(), let answers = reader.number(),
      let authorities = reader.number(), let additional = reader.number()
    else { return nil }
    (self.id, self.flags) = (id, flags)
    guard questions > 0 else { return }
    let start = reader.position
    guard let name = reader.name(), let kind = reader.number(), reader.number() != nil else {
      return nil
    }
    (self.name, self.kind) = (name, kind)
    question = Array(bytes[start..<reader.position])
    for _ in 1..<max(1, questions) {
      guard reader.name() != nil, reader.number() != nil, reader.number() != nil else { return nil }
    }
    for _ in 0..<(Int(answers) + Int(authorities) + Int(additional)) {
      guard let record = reader.record() else { return nil }
      if record.kind == Kind.options { size = max(DNSQuery.standardSize, Int(record.space)) }
    }
  }
}

/// Reads a DNS message from front to back; every read is checked.
private struct DNSReader {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func number() -> UInt16? {
    guard position + 2 <= bytes.count else { return nil }
    defer { position += 2 }
    return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
  }

  /// A name in lower case with its last dot, or what a pointer stands for, which nobody asks here.
  mutating func name() -> String? {
    var text: [UInt8] = []
    var length = 0
    while position < bytes.count {
      let count = Int(bytes[position])
      if count & 0xc0 == 0xc0 {
        guard position + 2 <= bytes.count else { return nil }
        position += 2
        return String(decoding: text, as: UTF8.self)
      }
      guard count < 64, position + 1 + count <= bytes.count else { return nil }
      length += count + 1
      guard length <= 255 else { return nil }
      let label = bytes[(position + 1)..<(position + 1 + count)]
      position += 1 + count
      if count == 0 { return text.isEmpty ? "." : String(decoding: text, as: UTF8.self) }
      for byte in label {
        if byte == UInt8(ascii: ".") { text.append(UInt8(ascii: "\\")) }
        let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        text.append(isUpper ? byte | 0x20 : byte)
      }
      text.append(UInt8(ascii: "."))
    }
    return nil
  }

  /// A record: its kind and its class, which of `OPT` is the size of an answer.
  mutating func record() -> (kind: UInt16, space: UInt16)? {
    guard name() != nil, let kind = number(), let space = number(), number() != nil,
      number() != nil, let length = number(), position + Int(length) <= bytes.count
    else { return nil }
    position += Int(length)
    return (kind, space)
  }
}

/// What a DNS client is told.
struct DNSReply: Equatable, Sendable {
  /// How it went (RFC 1035, section 4.1.1).
  enum Code: UInt16, Sendable {
    case success = 0
    case serverFailure = 2
    case notImplemented = 4
  }

  var code = Code.success
  /// Whether the name is one of the mesh's table.
  var isOurs = false
  /// The name that the asked one stands for, where it is another.
  var alias: String?
  /// Addresses of 4 or 16 bytes.
  var addresses: [[UInt8]] = []

  /// For how long clients may keep an answer, in seconds (Istio's agent: 30).
  static let lifetime: UInt32 = 30

  /// The message, of which records are left out from the end where it would be larger than a limit.
  func message(to query: DNSQuery, limit: Int) -> [UInt8] {
    var records: [[UInt8]] = []
    let owner: [UInt8]
    if let alias {
      let target = DNSReply.encoded(alias)
      records.append(DNSReply.record(DNSReply.asked, DNSQuery.Kind.alias, target))
      owner = target
    } else {
      owner = DNSReply.asked
    }
    for address in addresses {
      let kind = address.count == 4 ? DNSQuery.Kind.address : DNSQuery.Kind.address6
      records.append(DNSReply.record(owner, kind, address))
    }
    var size = 12 + query.question.count
    var fitting = 0
    while fitting < records.count, size + records[fitting].count <= limit {
      size += records[fitting].count
      fitting += 1
    }
    // A response; what was asked, whether recursion is wanted and checking disabled, is given back.
    var flags: UInt16 = 0x8000 | query.flags & 0x7910 | code.rawValue
    if isOurs { flags |= 0x0400 }
    if fitting < records.count { flags |= 0x0200 }
    var bytes: [UInt8] = []
    let isAsked: UInt16 = query.name == nil ? 0 : 1
    for number in [query.id, flags, isAsked, UInt16(fitting), 0, 0] {
      bytes += DNSReply.bytes(number)
    }
    return bytes + query.question + records[..<fitting].joined()
  }

  /// A pointer to the name of the question, which is the first thing after the header.
  private static let asked: [UInt8] = [0xc0, 0x0c]

  private static func record(_ owner: [UInt8], _ kind: UInt16, _ data: [UInt8]) -> [UInt8] {
    owner + bytes(kind) + bytes(1) + bytes(UInt16(lifetime >> 16))
      + bytes(UInt16(lifetime & 0xffff))
      + bytes(UInt16(data.count)) + data
  }

  private static func bytes(_ number: UInt16) -> [UInt8] {
    [UInt8(number >> 8), UInt8(number & 0xff)]
  }

  /// The labels of a name of the table, each at most 63 bytes.
  private static func encoded(_ name: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for label in name.utf8.split(separator: UInt8(ascii: ".")) {
      bytes.append(UInt8(min(63, label.count)))
      bytes += label.prefix(63)
    }
    return bytes + [0]
  }
}
