// SPDX-License-Identifier: Apache-2.0

/// What one simulated proxy holds and wants, and what it says to a response; no IO.
struct ProxyState {
  /// The versions of what it holds, by name; over state of the world the names alone.
  private(set) var held: [[Int32: Int32]] = Array(repeating: [:], count: 4)
  /// What it asks for by name.
  private(set) var wanted: [Set<Int32>] = Array(repeating: [], count: 4)
  private var asked = Set<XDSType>()
  private var versions = ["", "", "", ""]
  /// The nonces of the last responses of the stream.
  private var nonces = ["", "", "", ""]
  private let isDelta: Bool
  private let node: [UInt8]

  init(isDelta: Bool, node: [UInt8]) {
    self.isDelta = isDelta
    self.node = node
  }

  /// Whether all that it asks for is there.
  var isSynced: Bool {
    asked.count == 4
      && XDSType.allCases.allSatisfy { type in
        wanted[type.rawValue].allSatisfy { held[type.rawValue][$0] != nil }
          && !held[type.rawValue].isEmpty
      }
  }

  /// The first requests of a stream; a proxy that comes back names what it has.
  mutating func connect() -> [[UInt8]] {
    let known = asked
    asked = []
    nonces = ["", "", "", ""]
    if known.isEmpty { return [ask(.cluster, naming: [], node: node)] }
    return XDSType.allCases.filter(known.contains).map { type in
      ask(type, naming: wanted[type.rawValue], node: type == .cluster ? node : [])
    }
  }

  /// What came with a response.
  struct Receipt {
    /// What to send, the acknowledgement first.
    var requests: [[UInt8]] = []
    /// How many resources it carried.
    var resources = 0
    /// How many of them were new or had another version.
    var changed = 0
    /// Their names, where somebody waits for some.
    var watched: [Int32] = []
  }

  /// Takes a response in; nil if it is none.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> Receipt? {
    guard let type = WireReader.first(4, in: bytes).flatMap(XDSType.init) else { return nil }
    var receipt = Receipt()
    var followers: [String] = []
    var nonce = ""
    var version = ""
    for field in WireReader(bytes) {
      switch field.number {
      case 1: version = field.text
      case 2:
        receipt.resources += 1
        let new = isDelta ? take(delta: field.bytes, type) : take(any: field.bytes, type)
        receipt.changed += new == nil ? 0 : 1
        if let new, Watches.all.isActive { receipt.watched.append(new) }
        guard type == .cluster || type == .listener,
          let body = isDelta ? WireReader.first(2, in: field.bytes) : field.bytes,
          let resource = WireReader.first(2, in: body)
        else { continue }
        followers += type.follower(of: resource)
      case 5: nonce = field.text
      case 6 where isDelta: held[type.rawValue][Names.all.number(field.text)] = nil
      default: break
      }
    }
    versions[type.rawValue] = version
    nonces[type.rawValue] = nonce
    receipt.requests = [acknowledgement(type, nonce)]
    receipt.requests += follow(type, followers)
    return receipt
  }

  /// The name's number, where it is new or has another version.
  private mutating func take(delta resource: UnsafeRawBufferPointer, _ type: XDSType) -> Int32? {
    var name: Int32 = 0
    var version: Int32 = 0
    for field in WireReader(resource) {
      if field.number == 3 { name = Names.all.number(field.text) }
      if field.number == 1 { version = Names.all.number(field.text) }
    }
    return held[type.rawValue].updateValue(version, forKey: name) != version ? name : nil
  }

  /// The name is field 1 of all four types.
  private mutating func take(any resource: UnsafeRawBufferPointer, _ type: XDSType) -> Int32? {
    guard let body = WireReader.first(2, in: resource), let name = WireReader.first(1, in: body)
    else { return nil }
    let number = Names.all.number(String(decoding: name, as: UTF8.self))
    return held[type.rawValue].updateValue(0, forKey: number) == nil ? number : nil
  }

  /// Asks for what a response makes it want, and for the next type.
  private mutating func follow(_ type: XDSType, _ names: [String]) -> [[UInt8]] {
    var requests: [[UInt8]] = []
    switch type {
    case .cluster, .listener:
      let follower: XDSType = type == .cluster ? .endpoint : .route
      let new = Set(names.map(Names.all.number)).subtracting(wanted[follower.rawValue])
      guard !new.isEmpty else { break }
      wanted[follower.rawValue].formUnion(new)
      requests.append(
        ask(follower, naming: isDelta && asked.contains(follower) ? new : wanted[follower.rawValue])
      )
    case .endpoint where !asked.contains(.listener): requests.append(ask(.listener, naming: []))
    case .endpoint, .route: break
    }
    return requests
  }

  private mutating func ask(
    _ type: XDSType, naming names: Set<Int32>, node: [UInt8] = []
  ) -> [UInt8] {
    let isFirst = asked.insert(type).inserted
    var request = WireWriter()
    if !node.isEmpty { request.add(isDelta ? 1 : 2, bytes: node) }
    if !isDelta { request.add(1, versions[type.rawValue]) }
    request.add(isDelta ? 2 : 4, type.url)
    for name in names { request.add(3, Names.all.text(name)) }
    // Without it, the server would take the client for one that has forgotten all.
    if !isDelta { request.add(5, nonces[type.rawValue]) }
    guard isDelta, isFirst else { return request.bytes }
    for (name, version) in held[type.rawValue] {
      request.add(5) { entry in
        entry.add(1, Names.all.text(name))
        entry.add(2, Names.all.text(version))
      }
    }
    return request.bytes
  }

  private func acknowledgement(_ type: XDSType, _ nonce: String) -> [UInt8] {
    var request = WireWriter()
    if isDelta {
      request.add(2, type.url)
      request.add(6, nonce)
      return request.bytes
    }
    request.add(1, versions[type.rawValue])
    for name in wanted[type.rawValue] { request.add(3, Names.all.text(name)) }
    request.add(4, type.url)
    request.add(5, nonce)
    return request.bytes
  }
}

extension ProxyState {
  /// The node of the number-th proxy, as istio's agent describes it.
  static func node(_ number: Int, namespaces: Int) -> [UInt8] {
    let namespace = "ns-\(number % namespaces)"
    let address = "11.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    let metadata = [
      ("NAMESPACE", namespace), ("CLUSTER_ID", "Kubernetes"), ("ISTIO_VERSION", "1.30.3"),
    ]
    var node = WireWriter()
    node.add(1, "sidecar~\(address)~proxy-\(number).\(namespace)~\(namespace).svc.cluster.local")
    node.add(3) { structure in
      for (key, value) in metadata {
        structure.add(1) { entry in
          entry.add(1, key)
          entry.add(2) { $0.add(3, value) }
        }
      }
    }
    return node.bytes
  }
}
