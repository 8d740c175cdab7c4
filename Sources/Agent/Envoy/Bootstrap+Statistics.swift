// SPDX-License-Identifier: Apache-2.0

import JSON

/// What Envoy counts, and the tags that parts of the counters' names become.
extension Bootstrap {
  /// Envoy's own tags are not used: Istio's dashboards know these.
  static func statistics(_ options: StatisticsOptions) -> JSONValue {
    let extra = options.tags.map { tag in (name: tag, expression: #"(\#(tag)=\.=(.*?);\.;)"#) }
    let tags = (ofEnvoy + extra + ofIstio).map { tag -> JSONValue in
      ["tag_name": .string(tag.name), "regex": .string(tag.expression)]
    }
    let buckets = options.buckets.map { bucket -> JSONValue in
      ["match": ["prefix": .string(bucket.prefix)], "buckets": bucket.bounds]
    }
    return .members(
      ("use_all_default_tags", false), ("stats_tags", .array(tags)),
      ("histogram_bucket_settings", buckets.isEmpty ? nil : .array(buckets)),
      ("stats_matcher", ["inclusion_list": ["patterns": .array(patterns(options))]]))
  }

  private static func patterns(_ options: StatisticsOptions) -> [JSONValue] {
    let prefix = { (text: String) -> JSONValue in ["prefix": .string(text)] }
    return [prefix("reporter=")] + options.prefixes.map(prefix)
      + options.suffixes.map { ["suffix": .string($0)] }
      + options.expressions.map { ["safe_regex": ["regex": .string($0)]] }
      + [prefix("component"), prefix("istio")]
  }

  private static let ofEnvoy: [(name: String, expression: String)] = [
    ("cluster_name", #"^cluster(\.(.+);)"#),
    (
      "http_conn_manager_prefix",
      #"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)"#
    ),
    ("thread_name", #"^server(\.(.+))\.watchdog"#),
    ("tcp_prefix", #"^tcp\.((.*?)\.)\w+?$"#),
    ("response_code", #"_rq(_(\d{3}))$"#),
    ("response_code_class", #"_rq(_(\dxx))$"#),
    (
      "http_conn_manager_listener_prefix",
      #"^listener(?=\.).*?\.http\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)"#
    ),
    (
      "listener_address",
      #"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)"#
    ),
    ("mongo_prefix", #"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$"#),
  ]

  private static let ofIstio: [(name: String, expression: String)] = [
    ("cache", #"(cache\.(.+?)\.)"#),
    ("component", #"(component\.(.+?)\.)"#),
    ("tag", #"(tag\.(.+?);\.)"#),
    ("wasm_filter", #"(wasm_filter\.(.+?)\.)"#),
    ("authz_enforce_result", #"rbac(\.(allowed|denied))"#),
    ("authz_dry_run_action", #"(\.istio_dry_run_(allow|deny)_)"#),
    ("authz_dry_run_result", #"(\.shadow_(allowed|denied))"#),
  ]
}
