# SPDX-License-Identifier: Apache-2.0
"""What istioctl asks the control plane over xDS, with the node and the requests that it sends."""
import json
import queue

import adsclient
import grpc
from google.protobuf import json_format
from mesh.client import wait_until

DEBUG = "istio.io/debug"
SYNCZ, DUMP = DEBUG + "/syncz", DEBUG + "/config_dump"
PRODUCTPAGE = "productpage-v1.default"


class Tool:
    """istioctl's stream: a node that names itself first, then one request a question."""

    def __init__(self, address, namespace="istio-system", account="default", delta=False, **proof):
        from envoy.config.core.v3 import base_pb2
        from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
        self.messages, self.delta = discovery_pb2, delta
        self.node = base_pb2.Node(
            id="sidecar~127.0.0.1~test-1.%s~%s.svc.cluster.local" % (namespace, namespace))
        json_format.ParseDict({"GENERATOR": "event", "NAMESPACE": namespace,
                               "SERVICE_ACCOUNT": account}, self.node.metadata)
        self.channel = adsclient.secure_channel(address, **proof) if proof else (
            grpc.insecure_channel(address, adsclient.OPTIONS))
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self.channel)
        self.outgoing = queue.Queue()
        method = stub.DeltaAggregatedResources if delta else stub.StreamAggregatedResources
        self.call = method(iter(self.outgoing.get, None), timeout=60,
                           metadata=adsclient.bearer(proof.get("token")))

    def ask(self, kind, *names):
        """The answer to a question."""
        if self.delta:
            request = self.messages.DeltaDiscoveryRequest(
                node=self.node, type_url=kind, resource_names_subscribe=names)
        else:
            request = self.messages.DiscoveryRequest(
                node=self.node, type_url=kind, resource_names=names)
        self.outgoing.put(request)
        answer = next(self.call)
        assert answer.type_url == kind, answer.type_url
        return answer

    def page(self, name):
        """A page's text."""
        answer = self.ask(DEBUG, name)
        resource, = answer.resources
        if self.delta:
            assert resource.name == name, resource.name
            resource = resource.resource
        assert resource.type_url == DEBUG, resource.type_url
        return resource.value.decode()

    def refusal(self, kind, *names):
        """The code with which the stream ends."""
        try:
            self.ask(kind, *names)
        except grpc.RpcError as error:
            return error.code()
        raise AssertionError("%s %s is answered" % (kind, names))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.outgoing.put(None)
        self.call.cancel()
        self.channel.close()


def _acknowledged(status):
    """Whether every type of a ClientConfig is synchronised."""
    words = {c.type_url: c.config_status for c in status.generic_xds_configs}
    return len(words) == 4 and set(words.values()) == {1}, words


def test_proxy_status_over_xds(start):
    """istio.io/debug/syncz tells istioctl proxy-status of every proxy, by either protocol"""
    with start() as daemon, adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        proof = {"roots": daemon.roots(), "token": daemon.token("istio-system", "default")}
        for delta in (False, True):
            with Tool(daemon.secure, delta=delta, **proof) as tool:
                answer = tool.ask(SYNCZ)
                identifier = json.loads(answer.control_plane.identifier)
                assert identifier["Component"] == "istiod" and identifier["ID"], identifier
                assert delta or answer.version_info, "istioctl waits for a version"
                one, = answer.resources
                status = adsclient.unpack(one.resource if delta else one)
                assert status.node.id == PRODUCTPAGE, "tools are no proxies"
                assert dict(status.node.metadata)["CLUSTER_ID"] == "Kubernetes"
                synced, words = _acknowledged(status)
                assert synced, words
                assert all(c.last_updated.seconds > 0 for c in status.generic_xds_configs)
        client.refuse["rds"] = "no good"
        client.subscribe("rds", ["8080"])
        client.wait("the refusal", lambda c: "rds" not in c.refuse)
        def refused():
            with Tool(daemon.secure, **proof) as tool:
                status = adsclient.unpack(tool.ask(SYNCZ).resources[0])
            return [c.error_state.details for c in status.generic_xds_configs
                    if c.config_status == 4]
        wait_until("the error", lambda: refused() == ["no good"], 20)


def test_config_dump_over_xds(start):
    """istio.io/debug/config_dump has what a proxy was sent, as Envoy's own dump has it"""
    with start() as daemon, adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        proof = {"roots": daemon.roots(), "token": daemon.token("istio-system", "default")}
        with Tool(daemon.secure, **proof) as tool:
            dump = {a.type_url.rsplit(".", 1)[-1]: adsclient.unpack(a)
                    for a in tool.ask(DUMP, PRODUCTPAGE).resources}
            clusters = dump["ClustersConfigDump"].dynamic_active_clusters
            found = {m.name: m for m in (adsclient.unpack(c.cluster) for c in clusters)}
            assert found == client.resources["cds"]
            listeners = dump["ListenersConfigDump"].dynamic_listeners
            found = {l.name: adsclient.unpack(l.active_state.listener) for l in listeners}
            assert found == client.resources["lds"]
            routes = [adsclient.unpack(r.route_config)
                      for r in dump["RoutesConfigDump"].dynamic_route_configs]
            assert {r.name: r for r in routes} == client.resources["rds"]
            for names in ((), ("nobody.default",), (PRODUCTPAGE, "two")):
                assert not tool.ask(DUMP, *names).resources, names


def test_debug_pages_over_xds(start):
    """istio.io/debug answers the pages of /debug; other namespaces see their own proxies alone"""
    with start() as daemon, adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        roots = daemon.roots()
        def proof(namespace):
            return {"roots": roots, "token": daemon.token(namespace, "default")}
        for delta in (False, True):
            with Tool(daemon.secure, delta=delta, **proof("istio-system")) as tool:
                assert json.loads(tool.page("syncz"))[0]["proxy"] == PRODUCTPAGE
                assert len(json.loads(tool.page("connections"))["clients"]) == 2
                assert "outbound|9080||" in tool.page("config_dump?proxyID=" + PRODUCTPAGE)
                assert "Proxy not connected to this Pilot instance" in tool.page(
                    "config_dump?proxyID=nobody.default")
                assert "There is no page" in tool.page("nothing")
        with Tool(daemon.secure, "default", **proof("default")) as tool:
            assert "outbound|9080||" in tool.page("edsz?proxyID=" + PRODUCTPAGE)
            assert len(tool.ask(SYNCZ).resources) == 1 and tool.ask(DUMP, PRODUCTPAGE).resources
        with Tool(daemon.secure, "other", **proof("other")) as tool:
            assert "not connected" in tool.page("config_dump?proxyID=" + PRODUCTPAGE)
            assert not tool.ask(SYNCZ).resources and not tool.ask(DUMP, PRODUCTPAGE).resources
            assert tool.refusal(DEBUG, "syncz") == grpc.StatusCode.PERMISSION_DENIED
        with Tool(daemon.secure, **proof("istio-system")) as tool:
            assert tool.refusal(DEBUG) == grpc.StatusCode.INVALID_ARGUMENT
        for kind, names in ((SYNCZ, ()), (DUMP, (PRODUCTPAGE,)), (DEBUG, ("syncz",))):
            with Tool(daemon.ads) as tool:
                assert tool.refusal(kind, *names) == grpc.StatusCode.UNAUTHENTICATED, kind
        assert not client.ended
