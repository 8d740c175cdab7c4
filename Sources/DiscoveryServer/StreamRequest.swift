// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

/// A request as the reader of a stream hands it on.
enum StreamRequest: Sendable {
  case sotw(SotWRequest)
  case delta(DeltaRequest)

  var event: StreamEvent {
    switch self {
    case .sotw(let request): .sotw(request)
    case .delta(let request): .delta(request)
    }
  }

  /// What counts of a question that the machine does not answer; nil of any other request.
  var question: QuestionCost? {
    let (type, names, nonce, size) =
      switch self {
      case .sotw(let request): (request.type, request.names, request.nonce, request.nodeSize)
      case .delta(let request): (request.type, request.subscribe, request.nonce, request.nodeSize)
      }
    let isQuestion =
      type.url == DebugQuestion.prefix || type.url.hasPrefix(DebugQuestion.prefix + "/")
    guard isQuestion else { return nil }
    return QuestionCost(type: type, names: names, nodeSize: size, isAnswer: !nonce.isEmpty)
  }

  /// The type that is asked for.
  var type: ResourceType {
    switch self {
    case .sotw(let request): request.type
    case .delta(let request): request.type
    }
  }

  /// A response of this request's face; what brings it is its version too, since it has no other.
  func response(
    type: ResourceType, nonce: String, _ resources: [EncodedResource]
  ) -> StreamResponse {
    switch self {
    case .sotw:
      .sotw(SotWResponse(type: type, version: nonce, nonce: nonce, resources: resources))
    case .delta:
      .delta(
        DeltaResponse(
          type: type, systemVersion: nonce, nonce: nonce, resources: resources, removed: []))
    }
  }
}

extension StreamError {
  /// The end of a stream that asked what it is refused.
  init(_ refusal: DebugRefusal) {
    let code: Code =
      switch refusal.kind {
      case .unauthenticated: .unauthenticated
      case .denied: .permissionDenied
      case .invalid: .invalidArgument
      }
    self.init(code, refusal.message)
  }
}
