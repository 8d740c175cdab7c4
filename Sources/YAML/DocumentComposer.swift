// SPDX-License-Identifier: Apache-2.0

import JSON

/// Builds the value of one document from its events.
struct DocumentComposer: ~Copyable {
  /// A value, and what it costs wherever an alias repeats it.
  private struct Node {
    var value: JSONValue
    var weight: Int
    var height: Int
  }

  private var reader: EventReader
  private let limits: YAMLLimits
  private var anchors: [String: Node] = [:]
  private var open: Set<String> = []
  private var weight = 0

  init(
    _ bytes: UnsafeBufferPointer<UInt8>, part: StreamSplitter.Part, index: Int, limits: YAMLLimits
  ) {
    reader = EventReader(bytes, part: part, index: index)
    self.limits = limits
  }

  /// The value, and the line of its first node.
  mutating func document() throws(YAMLError) -> (JSONValue, line: Int) {
    var event = try reader.next()
    while event.kind == .other || event.kind == .document { event = try reader.next() }
    guard event.kind != .end else { return (.null, event.line) }
    let line = event.line
    let root = try node(event, depth: 0)
    event = try reader.next()
    while event.kind == .other { event = try reader.next() }
    guard event.kind == .end else {
      throw reader.error(at: event, "a second document begins without a marker line of its own")
    }
    return (root.value, line)
  }

  private mutating func node(_ event: Event, depth: Int) throws(YAMLError) -> Node {
    if event.kind == .alias { return try alias(event, depth: depth) }
    try count(1 + event.text.utf8.count / 32, at: event)
    if let anchor = event.anchor { open.insert(anchor) }
    let before = weight
    var node: Node
    switch event.kind {
    case .sequence: node = try sequence(event, depth: depth + 1)
    case .mapping: node = try mapping(event, depth: depth + 1)
    default: node = Node(value: try scalar(event), weight: 0, height: 0)
    }
    if let anchor = event.anchor {
      node.weight = weight - before + 1 + event.text.utf8.count / 32
      open.remove(anchor)
      anchors[anchor] = node
    }
    return node
  }

  private mutating func alias(_ event: Event, depth: Int) throws(YAMLError) -> Node {
    let name = event.anchor ?? ""
    guard !open.contains(name) else {
      throw reader.error(at: event, "the alias *\(name) stands inside its own anchor")
    }
    guard let node = anchors[name] else {
      throw reader.error(at: event, "the alias *\(name) has no anchor before it")
    }
    try count(node.weight, at: event)
    try check(depth: depth + node.height, at: event)
    return node
  }

  private mutating func sequence(_ start: Event, depth: Int) throws(YAMLError) -> Node {
    try check(depth: depth, at: start)
    var elements: [JSONValue] = []
    var height = 0
    while true {
      let event = try reader.next()
      if event.kind == .close { break }
      let element = try node(event, depth: depth)
      elements.append(element.value)
      height = max(height, element.height)
    }
    return Node(value: .array(elements), weight: 0, height: height + 1)
  }

  private mutating func mapping(_ start: Event, depth: Int) throws(YAMLError) -> Node {
    try check(depth: depth, at: start)
    var members: [JSONObject.Member] = []
    var keys = KeySet()
    var merged: [JSONObject.Member] = []
    var height = 0
    while true {
      let event = try reader.next()
      if event.kind == .close { break }
      if event.isMerge {
        let source = try node(try reader.next(), depth: depth)
        merged += try mergeable(source.value, at: event)
        height = max(height, source.height)
        continue
      }
      let key = try key(event, depth: depth)
      guard keys.insert(key, among: members) else {
        throw reader.error(at: event, "duplicate key \(JSONValue.string(key).text())")
      }
      let value = try node(try reader.next(), depth: depth)
      members.append(JSONObject.Member(key, value.value))
      height = max(height, value.height)
    }
    // What the mapping says itself counts before what it merges, and what it merges first.
    for member in merged where keys.insert(member.key, among: members) { members.append(member) }
    return Node(value: .object(JSONObject(distinct: members)), weight: 0, height: height + 1)
  }

  /// The members that `<<` brings: of a mapping, or of several in a sequence.
  private func mergeable(
    _ value: JSONValue, at event: Event
  ) throws(YAMLError) -> [JSONObject.Member] {
    let sources = value.array ?? [value]
    var members: [JSONObject.Member] = []
    for source in sources {
      guard let object = source.object else {
        throw reader.error(at: event, "'<<' takes a mapping or a sequence of mappings")
      }
      members += object.members
    }
    return members
  }

  private mutating func key(_ event: Event, depth: Int) throws(YAMLError) -> String {
    switch event.kind {
    case .scalar where event.anchor == nil:
      if let text = ScalarResolver.key(event) { return text }
    case .scalar, .alias:
      if let text = ScalarResolver.key(try node(event, depth: depth).value) { return text }
    default: break
    }
    throw reader.error(at: event, "a key must be a text, a number or a truth value")
  }

  private func scalar(_ event: Event) throws(YAMLError) -> JSONValue {
    switch ScalarResolver.value(of: event.text, tag: event.tag, plain: event.plain) {
    case .success(let value): return value
    case .failure(let problem): throw reader.error(at: event, problem.reason)
    }
  }

  private mutating func count(_ more: Int, at event: Event) throws(YAMLError) {
    weight += more
    guard weight <= limits.nodes else {
      throw reader.error(
        at: event, "the document has more than \(limits.nodes) nodes with its aliases followed")
    }
  }

  private func check(depth: Int, at event: Event) throws(YAMLError) {
    guard depth <= limits.depth else {
      throw reader.error(at: event, "nested deeper than \(limits.depth) levels")
    }
  }
}
