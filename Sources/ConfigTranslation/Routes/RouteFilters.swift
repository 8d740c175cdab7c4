// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension Istio.HTTPFaultInjection {
  /// Faults of the kinds that Envoy has; others are left out.
  func message(in arena: Arena) -> Envoy.HTTPFault {
    Envoy.HTTPFault(arena) { fault in
      if case .fixedDelay(let duration)? = delay?.httpDelayType {
        fault.delay = fault.make(Envoy.FaultDelay.self) { message in
          message.fixedDelay = duration
          let share =
            delay?.percentage.map(Share.init)
            ?? Share(percent: UInt32(clamping: delay?.percent ?? 0))
          message.percentage = share.message(in: arena)
        }
      }
      if let abort { fault.abort = abort.message(in: arena) }
    }
  }
}

extension Istio.HTTPFaultInjection.Abort {
  fileprivate func message(in arena: Arena) -> Envoy.FaultAbort? {
    let abort = Envoy.FaultAbort(arena)
    switch errorType {
    case .httpStatus(let status)?: abort.httpStatus = min(UInt32(clamping: status), highestStatus)
    case .grpcStatus(let name)?: abort.grpcStatus = grpcStatusCodes[name] ?? 0
    case .http2Error?, nil: return nil
    }
    abort.percentage = percentage.map { Share($0).message(in: arena) }
    return abort
  }
}

/// The names of gRPC's status codes.
private let grpcStatusCodes: [String: UInt32] = [
  "OK": 0, "CANCELLED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4,
  "NOT_FOUND": 5, "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8,
  "FAILED_PRECONDITION": 9, "ABORTED": 10, "OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12,
  "INTERNAL": 13, "UNAVAILABLE": 14, "DATA_LOSS": 15, "UNAUTHENTICATED": 16,
]

extension Istio.CorsPolicy {
  func message(_ regexes: RegexLimit, in arena: Arena) -> Envoy.HTTPCorsPolicy {
    Envoy.HTTPCorsPolicy(arena) { cors in
      let origins = allowOrigins.isEmpty ? allowOrigin.map { .exact($0) } : allowOrigins
      for origin in origins {
        if let matcher = origin.message(regexes, in: arena) {
          cors.allowOriginStringMatch.append(matcher)
        }
      }
      cors.filterEnabled = cors.make(Envoy.RuntimeFractionalPercent.self) {
        $0.defaultValue = Share(percent: 100).message(in: arena)
      }
      cors.forwardNotMatchingPreflights = unmatchedPreflights != .ignore
      cors.allowCredentials = allowCredentials
      cors.allowHeaders = allowHeaders.joined(separator: ",")
      cors.allowMethods = allowMethods.joined(separator: ",")
      cors.exposeHeaders = exposeHeaders.joined(separator: ",")
      if let maxAge { cors.maxAge = "\(maxAge.components.seconds)" }
    }
  }
}

extension SessionPlan {
  /// The filter that keeps sessions.
  static let filter = "envoy.filters.http.stateful_session"

  /// The filter's settings for a route or a virtual host.
  func perRoute(in arena: Arena) -> ProtobufAny {
    .pack(
      Envoy.StatefulSessionPerRoute(arena) { $0.statefulSession = settings(in: arena) })
  }

  /// The filter's own settings.
  func settings(in arena: Arena) -> Envoy.StatefulSession {
    Envoy.StatefulSession(arena) { session in
      session.sessionState = session.make(Envoy.TypedExtensionConfig.self) { state in
        switch self {
        case .cookie(let name, let path):
          state.name = "envoy.http.stateful_session.cookie"
          state.typedConfig = .pack(
            state.make(Envoy.CookieBasedSessionState.self) {
              $0.cookie = $0.make(Envoy.Cookie.self) {
                $0.name = name
                $0.path = path
              }
            })
        case .header(let name):
          state.name = "envoy.http.stateful_session.header"
          state.typedConfig = .pack(
            state.make(Envoy.HeaderBasedSessionState.self) { $0.name = name })
        }
      }
    }
  }
}
