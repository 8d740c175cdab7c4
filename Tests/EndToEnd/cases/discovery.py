# SPDX-License-Identifier: Apache-2.0
"""What a client of the sample is served, whole and after edits."""
import adsclient
from mesh.client import wait_until
from mesh.config import to

REVIEWS = "reviews.default.svc.cluster.local"


def _both(daemon, node):
    """The full answers by state of the world and by delta."""
    answers = []
    for delta in (False, True):
        with adsclient.Client(daemon.ads, node, delta=delta) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            answers.append(client.json())
    return answers


def _names_of(answer, short, expected):
    missing = sorted(set(expected) - set(answer[short]))
    assert not missing, "%s: %s is missing; there are %s" % (
        short, ", ".join(missing), ", ".join(sorted(answer[short])))


def test_sidecar_same_by_both_protocols(start):
    """A sidecar is served the same resources by state of the world and by delta"""
    with start() as daemon:
        whole, delta = _both(daemon, adsclient.SIDECAR)
    _names_of(whole, "cds", ["outbound|9080||" + REVIEWS, "outbound|9080|v1|" + REVIEWS,
                             "inbound|9080||", "BlackHoleCluster", "PassthroughCluster"])
    _names_of(whole, "eds", ["outbound|9080|v3|" + REVIEWS])
    _names_of(whole, "lds", ["virtualOutbound", "virtualInbound", "0.0.0.0_9080"])
    _names_of(whole, "rds", ["9080"])
    for short in whole:
        assert whole[short] == delta[short], "%s differs between the two protocols" % short


def test_gateway_same_by_both_protocols(start):
    """A gateway is served the same resources by state of the world and by delta"""
    with start() as daemon:
        whole, delta = _both(daemon, adsclient.GATEWAY)
    _names_of(whole, "cds", ["outbound|9080||productpage.default.svc.cluster.local"])
    _names_of(whole, "lds", ["0.0.0.0_18080"])
    _names_of(whole, "rds", ["http.18080"])
    for short in whole:
        assert whole[short] == delta[short], "%s differs between the two protocols" % short


def test_same_after_restart(start):
    """Two runs serve the same bytes' worth of resources"""
    answers = []
    for _ in range(2):
        with start() as daemon:
            answers.append(_both(daemon, adsclient.SIDECAR)[0])
    assert answers[0] == answers[1], "the second run serves something else"


def _routes_to(client, name, subset):
    """Whether route 9080 sends a service to this subset."""
    cluster = "outbound|9080|%s|%s.default.svc.cluster.local" % (subset, name)
    return cluster in str(client.resources["rds"].get("9080", ""))


def test_edit_reaches_clients(start):
    """An edited VirtualService reaches clients of both protocols, as routes alone"""
    with start() as daemon, \
            adsclient.Client(daemon.ads) as whole, \
            adsclient.Client(daemon.ads, delta=True) as delta:
        for client in (whole, delta):
            client.start().wait("full answer", adsclient.Client.complete)
        before = [dict(c.responses) for c in (whole, delta)]
        daemon.config.virtual_service("reviews", [{"route": [to("reviews", "v3")]}])
        for client, had in zip((whole, delta), before):
            client.wait("the new route", lambda c: _routes_to(c, "reviews", "v3"))
            sent = {k: client.responses[k] - had[k] for k in ("cds", "eds", "lds")}
            assert not any(sent.values()), "sent again without a change: %s" % sent


def test_new_and_deleted_service(start):
    """A new service comes with endpoints, and goes when its files are deleted"""
    with start() as daemon, \
            adsclient.Client(daemon.ads) as whole, \
            adsclient.Client(daemon.ads, delta=True) as delta:
        cluster = "outbound|9080||extra.default.svc.cluster.local"
        for client in (whole, delta):
            client.start().wait("full answer", adsclient.Client.complete)
        for kind, name in (("Service", "details"), ("EndpointSlice", "details-1")):
            daemon.config.put(_renamed(daemon.config.get(kind, name)))
        for client in (whole, delta):
            client.wait("its endpoints", lambda c: "10.244.1.12" in str(
                c.resources["eds"].get(cluster, "")))
        daemon.config.remove("EndpointSlice", "extra-1")
        daemon.config.remove("Service", "extra")
        for client in (whole, delta):
            client.wait("its end", lambda c: cluster not in c.resources["cds"])


def _renamed(document):
    """The same service under the name extra, at a cluster IP of its own."""
    document["metadata"]["name"] = document["metadata"]["name"].replace("details", "extra")
    labels = document["metadata"]["labels"]
    document["metadata"]["labels"] = {k: v.replace("details", "extra") for k, v in labels.items()}
    if document["kind"] == "Service":
        document["spec"]["clusterIP"] = "10.96.10.99"
        document["spec"]["clusterIPs"] = ["10.96.10.99"]
    return document


def test_endpoint_goes(start):
    """An endpoint that is removed goes from every client's clusters"""
    name = "outbound|9080||" + REVIEWS
    with start() as daemon, \
            adsclient.Client(daemon.ads) as whole, \
            adsclient.Client(daemon.ads, delta=True) as delta:
        for client in (whole, delta):
            client.start().wait("full answer", adsclient.Client.complete)
            assert "10.244.1.15" in str(client.resources["eds"][name]), "v3 was never there"
        document = daemon.config.get("EndpointSlice", "reviews-1")
        document["endpoints"] = [e for e in document["endpoints"]
                                 if e["addresses"] != ["10.244.1.15"]]
        daemon.config.put(document)
        for client in (whole, delta):
            client.wait("endpoints without it", lambda c: "10.244.1.15" not in str(
                c.resources["eds"][name]))


def test_refusal_is_recorded(start):
    """A client's refusal is counted, and the stream goes on"""
    for delta in (False, True):
        with start() as daemon, adsclient.Client(daemon.ads, delta=delta) as client:
            before = sum(v for k, v in daemon.metrics().items() if "reject" in k)
            client.refuse["cds"] = "a refusal by the test"
            client.subscribe("cds")
            client.subscribe("lds")
            client.wait("listeners", lambda c: c.responses["lds"])
            wait_until("a metric that counts the refusal", lambda: sum(
                v for k, v in daemon.metrics().items() if "reject" in k) > before, 30)
            daemon.config.put(_renamed(daemon.config.get("Service", "details")))
            client.wait("the next clusters", lambda c: c.responses["cds"])
