// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import HTTPClient
public import JSON

/// The API server's "no": a `Status` object, or an answer without one.
public struct APIRefusal: Hashable, Sendable {
  /// The status of HTTP.
  public var code: Int
  /// Kubernetes' word for it, such as `Expired`.
  public var reason: String
  /// A sentence for people.
  public var message: String
  /// How long the server asks to be left alone.
  public var retryAfter: Duration?
  /// Whether the version that was asked for is still to come.
  public var isAhead: Bool

  /// A refusal.
  public init(
    code: Int, reason: String = "", message: String = "", retryAfter: Duration? = nil,
    isAhead: Bool = false
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.retryAfter = retryAfter
    self.isAhead = isAhead || message.contains("Too large resource version")
  }

  /// The refusal that a `Status` object is.
  public init(status: JSONValue, code: Int = 0, retryAfter: Duration? = nil) {
    let details = status["details"]
    let seconds = details?["retryAfterSeconds"]?.integer
    let causes = details?["causes"]?.array ?? []
    self.init(
      code: status["code"]?.integer.map(Int.init(clamping:)) ?? code,
      reason: status["reason"]?.string ?? "", message: status["message"]?.string ?? "",
      retryAfter: retryAfter ?? seconds.map { .seconds($0) },
      isAhead: causes.contains { $0["reason"]?.string == "ResourceVersionTooLarge" })
  }

  /// The refusal that a `Status` object in protobuf is.
  public init(_ status: Kubernetes.Status, retryAfter: Duration? = nil) {
    let seconds = status.details?.retryAfterSeconds ?? 0
    self.init(
      code: Int(status.code), reason: status.reason, message: status.message,
      retryAfter: retryAfter ?? (seconds > 0 ? .seconds(seconds) : nil),
      isAhead: status.details?.causes.contains { $0.reason == "ResourceVersionTooLarge" } ?? false)
  }

  /// The refusal that a whole answer is, with a `Status` object or without.
  public init(_ head: HTTPResponseHead, body: [UInt8]) {
    let pause = head["retry-after"].flatMap { Int64($0) }.map { Duration.seconds($0) }
    let wire = body.withUnsafeBytes { bytes in
      (try? WireEnvelope(bytes)).flatMap { try? Kubernetes.Status(wire: $0.message) }
    }
    if let wire {
      self.init(wire, retryAfter: pause)
    } else {
      let value = (try? JSONValue(parsing: body)) ?? .null
      self.init(status: value, code: head.status, retryAfter: pause)
    }
    code = head.status
    if message.isEmpty { message = String(decoding: body.prefix(200), as: UTF8.self) }
  }

  /// Whether the version that was asked for is forgotten.
  public var isExpired: Bool { code == 410 || reason == "Expired" || reason == "Gone" }

  /// Whether the server does not understand what it was asked.
  public var isMisunderstood: Bool { code == 400 || code == 422 || reason == "Invalid" }

  /// One line.
  public var text: String {
    [code == 0 ? "" : String(code), reason, message].filter { !$0.isEmpty }.joined(separator: " ")
  }
}

/// Why a request for one object did not do what it should.
public enum KubernetesRequestError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The server said no: nothing was done.
  case refused(APIRefusal)
  /// There is no answer, or none that makes sense: a write may have been carried out, or may yet be.
  case unanswered(String)
  /// The deadline passed before anything was sent.
  case late
  /// The credentials cannot be used, and nothing was sent.
  case unusable(KubernetesClientError)

  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .refused(let refusal): "the API server refused: \(refusal.text)"
    case .unanswered(let reason): "the API server gave no answer: \(reason)"
    case .late: "the deadline passed before the request was sent"
    case .unusable(let error): error.description
    }
  }

  /// Whether the object is not there, or its kind.
  public var isNotFound: Bool { refusal?.code == 404 }
  /// Whether a create found an object of the name.
  public var isAlreadyExists: Bool { refusal?.reason == "AlreadyExists" }
  /// Whether the object is another version than the writer believes, or is managed by another.
  public var isConflict: Bool { refusal?.code == 409 && !isAlreadyExists }
  /// Whether the caller may not do this.
  public var isForbidden: Bool { refusal?.code == 403 }

  /// The server's "no", where it is one.
  public var refusal: APIRefusal? {
    guard case .refused(let refusal) = self else { return nil }
    return refusal
  }
}
