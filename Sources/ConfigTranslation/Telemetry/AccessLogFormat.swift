// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON

/// How a line of an access log is written.
enum AccessLogFormat: Hashable, Sendable {
  /// Text with Envoy's operators; Istio's format where it is empty.
  case text(String)
  /// An object of texts with Envoy's operators.
  case json(JSONObject)

  /// The text of Istio's format (istiod's EnvoyTextLogFormat).
  static let istioText =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\""
    + " %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%"
    + " \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION%"
    + " %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\""
    + " \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW%"
    + " %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS%"
    + " %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"

  /// The members of Istio's format in JSON (istiod's EnvoyJSONLogFormatIstio).
  static let istioLabels = JSONObject(
    distinct: [
      ("authority", "%REQ(:AUTHORITY)%"), ("bytes_received", "%BYTES_RECEIVED%"),
      ("bytes_sent", "%BYTES_SENT%"),
      ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
      ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
      ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"), ("duration", "%DURATION%"),
      ("method", "%REQ(:METHOD)%"), ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
      ("protocol", "%PROTOCOL%"), ("request_id", "%REQ(X-REQUEST-ID)%"),
      ("requested_server_name", "%REQUESTED_SERVER_NAME%"), ("response_code", "%RESPONSE_CODE%"),
      ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
      ("response_flags", "%RESPONSE_FLAGS%"), ("route_name", "%ROUTE_NAME%"),
      ("start_time", "%START_TIME%"), ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
      ("upstream_host", "%UPSTREAM_HOST%"),
      ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
      ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
      ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
      ("user_agent", "%REQ(USER-AGENT)%"), ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ].map { JSONObject.Member($0.0, .string($0.1)) })

  /// The text as it is written: a line.
  static func line(_ text: String) -> String {
    if text.isEmpty { return istioText }
    return text.hasSuffix("\n") ? text : text + "\n"
  }

  /// The message.
  func make(omittingEmptyValues: Bool, in arena: Arena) -> Envoy.SubstitutionFormatString {
    Envoy.SubstitutionFormatString(arena) { format in
      format.omitEmptyValues = omittingEmptyValues
      switch self {
      case .text(let text):
        let line = Self.line(text)
        format.textFormatSource = format.make(Envoy.DataSource.self) { $0.inlineString = line }
      case .json(let labels):
        format.jsonFormat = labels
        format.jsonFormatOptions = .init(arena)
      }
      format.formatters = .init(formatters(in: arena))
    }
  }

  /// The extensions that operators of the format need.
  func formatters(in arena: Arena) -> [Envoy.TypedExtensionConfig] {
    let texts: [String] =
      switch self {
      case .text(let text): [text]
      case .json(let labels): labels.members.compactMap(\.value.string)
      }
    guard texts.contains(where: { $0.contains("%REQ_WITHOUT_QUERY") }) else { return [] }
    return [.typed(arena, "envoy.formatter.req_without_query", Envoy.ReqWithoutQuery(arena))]
  }
}
