# SPDX-License-Identifier: Apache-2.0
"""Definitions of Istio's and the Gateway API's kinds, as a cluster has them where both are installed.

Names and versions alone, every field allowed: a cluster with schemas is loaded from config/crds.
"""

ALL_THREE = ("v1", "v1beta1", "v1alpha3")
#: group, versions (the stored one first), plural, kind, short names.
ISTIO = (
    ("networking.istio.io", ALL_THREE, "virtualservices", "VirtualService", ("vs",)),
    ("networking.istio.io", ALL_THREE, "destinationrules", "DestinationRule", ("dr",)),
    ("networking.istio.io", ALL_THREE, "gateways", "Gateway", ("gw",)),
    ("networking.istio.io", ALL_THREE, "serviceentries", "ServiceEntry", ("se",)),
    ("networking.istio.io", ALL_THREE, "sidecars", "Sidecar", ()),
    ("networking.istio.io", ALL_THREE, "workloadentries", "WorkloadEntry", ("we",)),
    ("networking.istio.io", ALL_THREE, "workloadgroups", "WorkloadGroup", ("wg",)),
    ("networking.istio.io", ("v1alpha3",), "envoyfilters", "EnvoyFilter", ()),
    ("networking.istio.io", ("v1beta1",), "proxyconfigs", "ProxyConfig", ()),
    ("security.istio.io", ("v1", "v1beta1"), "authorizationpolicies", "AuthorizationPolicy",
     ("ap",)),
    ("security.istio.io", ("v1", "v1beta1"), "peerauthentications", "PeerAuthentication", ("pa",)),
    ("security.istio.io", ("v1", "v1beta1"), "requestauthentications", "RequestAuthentication",
     ("ra",)),
    ("telemetry.istio.io", ("v1alpha1", "v1"), "telemetries", "Telemetry", ("telemetry",)),
    ("extensions.istio.io", ("v1alpha1",), "wasmplugins", "WasmPlugin", ()),
    ("extensions.istio.io", ("v1alpha1",), "trafficextensions", "TrafficExtension", ()),
)
GATEWAY_API = (
    ("gateway.networking.k8s.io", ("v1", "v1beta1"), "gateways", "Gateway", ("gtw",)),
    ("gateway.networking.k8s.io", ("v1", "v1beta1"), "gatewayclasses", "GatewayClass", ("gc",)),
    ("gateway.networking.k8s.io", ("v1", "v1beta1"), "httproutes", "HTTPRoute", ()),
    ("gateway.networking.k8s.io", ("v1",), "grpcroutes", "GRPCRoute", ()),
    ("gateway.networking.k8s.io", ("v1", "v1alpha3", "v1alpha2"), "tlsroutes", "TLSRoute", ()),
    ("gateway.networking.k8s.io", ("v1", "v1alpha2"), "tcproutes", "TCPRoute", ()),
    ("gateway.networking.k8s.io", ("v1", "v1alpha2"), "udproutes", "UDPRoute", ()),
    ("gateway.networking.k8s.io", ("v1beta1", "v1"), "referencegrants", "ReferenceGrant",
     ("refgrant",)),
    ("gateway.networking.k8s.io", ("v1", "v1alpha3"), "backendtlspolicies", "BackendTLSPolicy",
     ("btlspolicy",)),
    ("gateway.networking.k8s.io", ("v1",), "listenersets", "ListenerSet", ("lset",)),
    ("gateway.networking.x-k8s.io", ("v1alpha1",), "xbackends", "XBackend", ("xbackend",)),
    ("gateway.networking.x-k8s.io", ("v1alpha1",), "xbackendtrafficpolicies",
     "XBackendTrafficPolicy", ("xbtrafficpolicy",)),
    ("gateway.networking.x-k8s.io", ("v1alpha1",), "xmeshes", "XMesh", ("mesh",)),
    ("inference.networking.k8s.io", ("v1",), "inferencepools", "InferencePool", ("infpool",)),
)
CLUSTER_WIDE = {"gatewayclasses", "xmeshes"}


def definitions(kinds=ISTIO + GATEWAY_API):
    """The CustomResourceDefinition objects of `kinds`."""
    return [_definition(*kind) for kind in kinds]


def _definition(group, versions, plural, kind, short_names):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": plural + "." + group},
        "spec": {
            "group": group, "scope": "Cluster" if plural in CLUSTER_WIDE else "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": list(short_names),
                      "singular": kind.lower(), "listKind": kind + "List"},
            "versions": [{"name": v, "served": True, "storage": v == versions[0],
                          "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
                         for v in versions]}}
