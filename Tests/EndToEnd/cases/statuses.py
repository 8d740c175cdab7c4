# SPDX-License-Identifier: Apache-2.0
"""What the leader writes into the status of Istio's objects of what analyzers find."""
import adsclient
from cluster import Cluster
from mesh.client import wait_until
from mesh.config import to

ISTIO = "networking.istio.io/v1"
PAGE = "https://istio.io/v1.30/docs/reference/config/analysis/%s/"
NOT_FOUND = {"type": {"code": "IST0101"}, "level": "ERROR", "documentationUrl": PAGE % "ist0101"}
ANALYSIS = {"PILOT_ENABLE_ANALYSIS": "true", "PILOT_ANALYSIS_INTERVAL": "1s"}


def _status(cluster, kind, name):
    found = cluster.ask("GET", cluster.path(ISTIO, kind, "default", name))
    return (found or {}).get("status") or {}


def _set_status(cluster, kind, name, status):
    cluster.ask("PATCH", cluster.path(ISTIO, kind, "default", name) + "/status",
                {"status": status}, "application/merge-patch+json")


def _writes(cluster, kind=""):
    """The paths of the status writes of daemons."""
    return [r["path"] for r in cluster.fake("GET", "requests")
            if r["path"].endswith("/status") and kind in r["path"] and r["method"] == "PATCH"
            and r["userAgent"] == "navarchd" and "serviceentries" not in r["path"]]


def _events(daemon):
    return sum(v for k, v in daemon.metrics().items() if k.startswith("pilot_k8s_"))


def _entry(cluster):
    cluster.put({"apiVersion": ISTIO, "kind": "ServiceEntry",
                 "metadata": {"name": "external", "namespace": "default"},
                 "spec": {"hosts": ["external.example.com"], "resolution": "DNS",
                          "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]}})


def test_no_analysis_unless_asked_for(start):
    """Without PILOT_ENABLE_ANALYSIS no status but addresses is written, also by who leads"""
    with Cluster() as cluster:
        cluster.virtual_service("lost", [{"route": [to("nowhere")]}])
        _entry(cluster)
        with start(kubeconfig=cluster.config):
            wait_until("addresses", lambda: _status(
                cluster, "ServiceEntry", "external").get("addresses"), 30)
            assert not _writes(cluster) and not _status(cluster, "VirtualService", "lost")


def test_analysis_in_status(start):
    """What is found stands in status with its generation, once; what is mended goes; no pushes by it"""
    with Cluster() as cluster:
        cluster.virtual_service("lost", [{"route": [to("nowhere")]}])
        other = {"conditions": [{"type": "Mine", "status": "True"}]}
        _set_status(cluster, "VirtualService", "lost", other)
        # Of an earlier process.
        stale = {"observedGeneration": "1", "validationMessages": [NOT_FOUND]}
        _set_status(cluster, "DestinationRule", "reviews", stale)
        cluster.fault(match={"path": "virtualservices/lost/status"}, count=1, status=409)
        with start(kubeconfig=cluster.config, environment=ANALYSIS) as daemon, \
                adsclient.Client(daemon.ads) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            seen = _events(daemon)
            def edit(*routes):
                cluster.patch(ISTIO, "VirtualService", "default", "lost",
                              {"spec": {"http": [{"route": [r]} for r in routes]}})
            def messages(*wanted, generation):
                expected = dict(other, observedGeneration=generation)
                if wanted:
                    expected["validationMessages"] = list(wanted)
                wait_until("messages of generation %s" % generation, lambda: _status(
                    cluster, "VirtualService", "lost") == expected, 30)
            messages(NOT_FOUND, generation="1")
            wait_until("the end of what nothing finds", lambda: _status(
                cluster, "DestinationRule", "reviews") == {"observedGeneration": "1"}, 30)
            edit(to("nowhere"), to("ratings"))
            unreachable = {"type": {"code": "IST0130"}, "level": "WARNING",
                           "documentationUrl": PAGE % "ist0130"}
            messages(NOT_FOUND, unreachable, generation="2")
            edit(to("ratings"))
            messages(generation="3")
            assert _events(daemon) - seen == 2, "two edits, and no change by a status"
            page = "/debug/rollout?kind=VirtualService&name=lost&namespace=default"
            assert daemon.json(page)["generation"] == 3, "the object's own generation"
            metric = 'navarch_cluster_writes_total{writer="analysis messages",result="%s"}'
            def wrote():
                metrics = daemon.metrics()
                return [metrics.get(metric % r, 0) for r in ("written", "failed", "unchanged")]
            wait_until("three writes here, one each of bookinfo and reviews, one conflict, no more",
                       lambda: wrote() == [5, 1, 0], 10)
            with open(daemon.log, encoding="utf-8") as log:
                text = log.read()
            assert "Configuration analysis: Error [IST0101] (VirtualService default/lost)" in text
            assert "Configuration analysis resolved: Error [IST0101]" in text
            writers = {k: v for k, v in daemon.metrics().items() if "analysis messages" in k}
            assert writers['navarch_leader{writer="analysis messages"}'] == 1, writers
