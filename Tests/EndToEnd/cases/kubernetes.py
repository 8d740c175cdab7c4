# SPDX-License-Identifier: Apache-2.0
"""A cluster's API server as the source: the same as files, and what an API server does to clients."""
import json
import os
import tempfile

import adsclient
from cluster import Cluster
from kubeapi import istio
from mesh import client as http
from mesh.client import wait_until
from mesh.config import to

REVIEWS = "reviews.default.svc.cluster.local"


def _answer(daemon, node):
    with adsclient.Client(daemon.ads, node) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        return client.json()


def _routes_to(client, subset):
    """Whether route 9080 sends reviews to this subset."""
    return "outbound|9080|%s|%s" % (subset, REVIEWS) in str(client.resources["rds"].get("9080", ""))


def _edit_arrives(cluster, client, subset):
    """Sends reviews to a subset, and waits until the client knows."""
    cluster.virtual_service("reviews", [{"route": [to("reviews", subset)]}])
    client.wait("the route to %s" % subset, lambda c: _routes_to(c, subset))


def _requests(cluster, resource):
    found = cluster.fake("GET", "requests")
    return [r for r in found if r["path"].endswith("/" + resource) and r["userAgent"] == "navarchd"]


def test_same_as_files(start):
    """A cluster is served as a directory of the same objects is, over TLS"""
    with start() as daemon:
        files = [_answer(daemon, node) for node in (adsclient.SIDECAR, adsclient.GATEWAY)]
    with Cluster(tls=True) as cluster, start(kubeconfig=cluster.config) as daemon:
        served = [_answer(daemon, node) for node in (adsclient.SIDECAR, adsclient.GATEWAY)]
    for a, b in zip(files, served):
        for short in a:
            assert a[short] == b[short], "%s differs between files and cluster" % short


def test_edits_reach_clients(start):
    """What is made, edited and deleted at the API server reaches a client"""
    with Cluster() as cluster, start(kubeconfig=cluster.config) as daemon, \
            adsclient.Client(daemon.ads, delta=True) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        _edit_arrives(cluster, client, "v3")
        cluster.put({"apiVersion": "v1", "kind": "Service",
                     "metadata": {"name": "fresh", "namespace": "default"},
                     "spec": {"clusterIP": "10.96.7.7", "ports": [{"name": "http", "port": 81}]}})
        name = "outbound|81||fresh.default.svc.cluster.local"
        client.wait("the new cluster", lambda c: name in c.resources["cds"])
        cluster.remove("v1", "Service", "default", "fresh")
        client.wait("its end", lambda c: name not in c.resources["cds"])


def test_unread_metadata_is_no_change(start):
    """An edit of metadata that nothing reads causes no push; one that is read does"""
    with Cluster() as cluster, start(kubeconfig=cluster.config) as daemon, \
            adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        def pushes():
            return sum(v for k, v in daemon.metrics().items() if k.startswith("pilot_push_triggers"))
        def events():
            return sum(v for k, v in daemon.metrics().items() if k.startswith("pilot_k8s_"))
        before, seen = pushes(), events()
        for api, kind, name in (("v1", "Service", "reviews"),
                                ("networking.istio.io/v1", "VirtualService", "reviews"),
                                ("networking.istio.io/v1", "DestinationRule", "reviews")):
            cluster.patch(api, kind, "default", name, {"metadata": {"annotations": {"a/b": "c"}}})
        cluster.patch("networking.istio.io/v1", "VirtualService", "default", "reviews",
                      {"metadata": {"labels": {"team": "x"}}})
        cluster.patch("v1", "Service", "default", "details",
                      {"metadata": {"annotations": {"networking.istio.io/exportTo": "."}}})
        wait_until("the annotation that is read", lambda: pushes() > before, 20)
        assert events() - seen == 1, "%d objects differ instead of one" % (events() - seen)


def _expired(cluster):
    cluster.fault(match={"verb": "watch", "resource": "virtualservices"}, count=1, status=503)
    cluster.fake("POST", "close-watches")
    cluster.fake("POST", "advance", {"versions": 100})
    cluster.fake("POST", "compact")


def _fault(**rule):
    def act(cluster):
        cluster.fault(match={"verb": "watch", "resource": "virtualservices"}, **rule)
        cluster.fake("POST", "close-watches")
    return act


HARMS = {
    "a clean end": lambda cluster: cluster.fake("POST", "close-watches"),
    "410": _expired,
    "a cut within a frame": _fault(cut="frame", count=2),
    "429": _fault(status=429, retryAfter=1, count=1),
    "500": _fault(status=500, count=1),
    "an answer that is no Status": _fault(status=502, body="<html>", count=1),
    "every event twice": _fault(duplicate=True, count=5),
    "refused connections": lambda cluster: cluster.refuse(1),
}


def test_survives_faults(start):
    """Cuts, 410, 429, 500, duplicates and refused connections take nothing away and end"""
    for number, (name, harm) in enumerate(HARMS.items()):
        with Cluster() as cluster, start(kubeconfig=cluster.config) as daemon, \
                adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            had = {short: set(client.resources[short]) for short in ("cds", "lds")}
            harm(cluster)
            try:
                _edit_arrives(cluster, client, "v3" if number % 2 else "v1")
            except TimeoutError as error:
                raise AssertionError("after %s: %s" % (name, error)) from error
            if name in ("429", "500", "refused connections"):
                counter = 'controller_sync_errors_total{cluster="Kubernetes"}'
                wait_until("%s is counted" % name, lambda: daemon.metrics().get(counter), 30)
            for short, names in had.items():
                gone = names - set(client.resources[short])
                assert not gone, "%s: %s is gone" % (name, ", ".join(sorted(gone)))


def test_resumes_without_lists(start):
    """Watches that end are begun again from their version, and nothing is listed again"""
    with Cluster() as cluster, start(kubeconfig=cluster.config) as daemon, \
            adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        _edit_arrives(cluster, client, "v3")
        before = len(_requests(cluster, "virtualservices"))
        cluster.fake("POST", "close-watches")
        _edit_arrives(cluster, client, "v1")
        after = _requests(cluster, "virtualservices")[before:]
        assert after, "no watch was begun again"
        assert not any("sendInitialEvents" in str(r["query"]) or "limit" in str(r["query"])
                       for r in after), after


def test_lists_where_streams_are_unknown(start):
    """A server that refuses streams of all that is there is listed in pages"""
    with Cluster() as cluster:
        for kind in ("services", "customresourcedefinitions"):
            cluster.fault(match={"verb": "watch", "resource": kind}, status=422, count=1)
        with start(kubeconfig=cluster.config) as daemon:
            served = _answer(daemon, adsclient.SIDECAR)
            wait_until("a watch of definitions", lambda: any(
                r["verb"] == "watch" and "sendInitialEvents" not in str(r["query"])
                for r in _requests(cluster, "customresourcedefinitions")), 20)
            assert any(REVIEWS in name for name in served["cds"])
            assert any("limit" in str(r["query"]) for r in _requests(cluster, "services"))


def test_nothing_before_all_kinds(start):
    """Nothing is served, and readiness says what is missing, until every kind is read"""
    with Cluster() as cluster:
        cluster.fault(match={"resource": "endpointslices"}, status=503)
        daemon = start(kubeconfig=cluster.config).launch()
        try:
            wait_until("a word about endpoint slices", lambda: "endpointslices" in http.get(
                None, daemon.http, "/ready", timeout=5).body, 30)
            wait_until("the cause at configz", lambda: "503" in daemon.page(
                "/debug/configz?diagnostics").body or "503" in open(daemon.log).read(), 20)
            cluster.fake("DELETE", "faults")
            wait_until("/ready", lambda: http.get(
                None, daemon.http, "/ready", timeout=5).status == 200, 40)
            assert any(REVIEWS in name for name in _answer(daemon, adsclient.SIDECAR)["eds"])
        finally:
            daemon.close()


def test_kinds_that_come_later(start):
    """Kinds without a definition are no error, and are picked up when they get one"""
    with Cluster(load=False, crds=[], namespaces=["istio-system"]) as cluster, \
            start(kubeconfig=cluster.config) as daemon, adsclient.Client(daemon.ads) as client:
        client.start().wait("clusters", lambda c: "PassthroughCluster" in c.resources["cds"])
        cluster.server.load("\n---\n".join(json.dumps(d) for d in istio.definitions()))
        cluster.put({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
                     "metadata": {"name": "outside", "namespace": "default"},
                     "spec": {"hosts": ["outside.example"], "resolution": "DNS",
                              "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}})
        client.wait("the new cluster", lambda c: "outbound|80||outside.example" in c.resources["cds"])


def test_mesh_settings_from_configmap(start):
    """The ConfigMap istio is the mesh's configuration, followed live, over the shared one"""
    def put(cluster, name, text):
        cluster.put({"apiVersion": "v1", "kind": "ConfigMap",
                     "metadata": {"name": name, "namespace": "istio-system"}, "data": {"mesh": text}})
    with Cluster() as cluster:
        put(cluster, "istio", "accessLogFile: /dev/stdout\n")
        put(cluster, "common", "accessLogFile: /dev/null\nconnectTimeout: 7s\n")
        environment = {"SHARED_MESH_CONFIG": "common"}
        with start(kubeconfig=cluster.config, environment=environment) as daemon:
            def mesh(field):
                return daemon.json("/debug/mesh").get(field)
            assert (mesh("accessLogFile"), mesh("connectTimeout")) == ("/dev/stdout", "7s")
            put(cluster, "istio", "accessLogFile: /dev/stderr\n")
            wait_until("the edit", lambda: mesh("accessLogFile") == "/dev/stderr", 20)
            put(cluster, "istio", "accessLogFile: [")
            wait_until("the refusal", lambda: "ConfigMap istio" in open(daemon.log).read(), 20)
            assert mesh("accessLogFile") == "/dev/stderr", "a broken text changed the mesh"


def test_one_namespace(start):
    """ISTIO_WATCH_NAMESPACE reads one namespace only"""
    with Cluster() as cluster, start(kubeconfig=cluster.config,
                                     environment={"ISTIO_WATCH_NAMESPACE": "other"}) as daemon:
        assert not any(REVIEWS in name for name in _answer(daemon, adsclient.SIDECAR)["cds"])
        asked = [r["path"] for r in _requests(cluster, "services")]
        assert asked and all(p == "/api/v1/namespaces/other/services" for p in asked), asked


def test_selected_namespaces(start):
    """discoverySelectors decide which namespaces are read; a label makes one count, live"""
    fresh = "outbound|81||fresh.other.svc.cluster.local"
    def label(cluster, value):
        cluster.patch("v1", "Namespace", "", "other", {"metadata": {"labels": {"mesh": value}}})
    with Cluster() as cluster:
        for name, labels in (("default", {"mesh": "on"}), ("other", {"mesh": "off"})):
            cluster.put({"apiVersion": "v1", "kind": "Namespace",
                         "metadata": {"name": name, "labels": labels}})
        cluster.put({"apiVersion": "v1", "kind": "Service",
                     "metadata": {"name": "fresh", "namespace": "other"},
                     "spec": {"clusterIP": "10.96.7.7", "ports": [{"name": "http", "port": 81}]}})
        cluster.put({"apiVersion": "v1", "kind": "ConfigMap",
                     "metadata": {"name": "istio", "namespace": "istio-system"},
                     "data": {"mesh": "discoverySelectors: [{matchLabels: {mesh: 'on'}}]"}})
        with start(kubeconfig=cluster.config) as daemon, adsclient.Client(daemon.ads) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            assert fresh not in client.resources["cds"]
            assert any(REVIEWS in name for name in client.resources["cds"])
            label(cluster, "on")
            client.wait("the selected service", lambda c: fresh in c.resources["cds"])
            label(cluster, "off")
            client.wait("its end", lambda c: fresh not in c.resources["cds"])


def test_restart_without_the_server(start):
    """A restart while the API server is away serves the last good state, and reconciles after"""
    with tempfile.TemporaryDirectory() as state, Cluster() as cluster:
        cluster.virtual_service("reviews", [{"route": [to("reviews", "v3")]}])
        with start(kubeconfig=cluster.config, state=state) as daemon:
            before = _answer(daemon, adsclient.SIDECAR)
        cluster.fake("POST", "refuse", {"seconds": 12})
        with start(kubeconfig=cluster.config, state=state) as daemon, \
                adsclient.Client(daemon.ads) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            assert client.json() == before, "something else is served"
            ready = http.get(None, daemon.http, "/ready?verbose", timeout=5).body
            assert "from a snapshot" in ready, ready
            age = 'navarch_source_snapshot_age_seconds{cluster="Kubernetes"}'
            assert daemon.metrics()[age] > 0
            responses = dict(client.responses)
            wait_until("the API server", lambda: daemon.metrics()[age] == 0, 60)
            assert dict(client.responses) == responses, "what is the same was sent again"
            said = open(daemon.log).read().count("the authority stays as it was")
            assert said == 1, "an outage is told %d times" % said
            _edit_arrives(cluster, client, "v1")
        with open(os.path.join(state, "cluster.snapshot"), "r+b") as file:
            file.seek(200)
            file.write(b"X")
        cluster.fake("POST", "refuse", {"seconds": 600})
        daemon = start(kubeconfig=cluster.config, state=state).launch()
        try:
            wait_until("the refusal of a broken file", lambda: "is not whole" in open(
                daemon.log).read(), 20)
            wait_until("a word on the API server", lambda: "cannot be followed" in open(
                daemon.log).read(), 20)
            assert http.get(None, daemon.http, "/ready", timeout=5).status == 503
        finally:
            daemon.close()


def test_without_the_server(start):
    """While the API server is away new proxies are served from what is held"""
    with Cluster() as cluster, start(kubeconfig=cluster.config) as daemon:
        before = _answer(daemon, adsclient.SIDECAR)
        cluster.fake("POST", "refuse", {"seconds": 600})
        wait_until("the daemon to notice", lambda: "cannot be followed" in open(daemon.log).read(), 30)
        after = _answer(daemon, adsclient.SIDECAR)
        assert after == before, "a new proxy is served something else"
        assert http.get(None, daemon.http, "/ready", timeout=5).status == 200
