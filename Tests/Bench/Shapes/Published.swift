// SPDX-License-Identifier: Apache-2.0

/// What others measured of istiod's benchmarks, in microseconds; the machines differ, so a ratio is
/// an orientation only.
///
/// Routes and listeners: istio#54425 (December 2024, Go 1.23, 16 threads). Clusters: istio#54425
/// for gateways, else istio#45733 (June 2023, 24 threads). Endpoints: istio#48841 (January 2024).
let published: [String: [Shape.Output: Double]] = [
  "gateways": [.routes: 22_500, .clusters: 7_600],
  "gateways-shared": [.routes: 61_300, .clusters: 8_200],
  "knative-gateway": [.routes: 2_620],
  "http": [.routes: 330, .clusters: 869],
  "tcp": [.clusters: 867],
  "tls": [.clusters: 881],
  "auto": [.routes: 825, .clusters: 1_020],
  "externalname": [.routes: 69],
  "telemetry-api": [.routes: 652, .clusters: 2_420],
  "virtualservice": [.routes: 1_030],
  "serviceentry-workloadentry": [.routes: 662],
  "endpoints 1/100": [.endpoints: 451],
  "endpoints 10/10": [.endpoints: 250],
  "endpoints 100/10": [.endpoints: 2_040],
  "endpoints 1000/1": [.endpoints: 2_100],
]

/// The kilobytes of istiod's listeners (istio#54425) and endpoints (istio#48841).
let publishedKilobytes: [String: [Shape.Output: Double]] = [
  "gateways": [.listeners: 2_300],
  "gateways-shared": [.listeners: 4.43],
  "knative-gateway": [.listeners: 3.99],
  "http": [.listeners: 14.7],
  "tcp": [.listeners: 34.9],
  "tls": [.listeners: 35.2],
  "auto": [.listeners: 253],
  "strict": [.listeners: 17.5],
  "disabled": [.listeners: 14.6],
  "endpoints 1/100": [.endpoints: 16.2],
  "endpoints 10/10": [.endpoints: 13.0],
  "endpoints 100/10": [.endpoints: 128],
  "endpoints 1000/1": [.endpoints: 129],
]
