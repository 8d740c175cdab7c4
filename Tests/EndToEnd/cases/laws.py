# SPDX-License-Identifier: Apache-2.0
"""The obligations of an xDS server, each asked over a real socket in both protocols.

The numbers are those of Tests/DiscoveryProtocolTests, which has the same laws of the machine alone."""
import concurrent.futures

import wire
from mesh.client import wait_until
from mesh.config import to

DETAILS = "outbound|9080||details.default.svc.cluster.local"
RATINGS = "outbound|9080||ratings.default.svc.cluster.local"
EXTRA = "outbound|9080||extra.default.svc.cluster.local"
EDITS = iter(range(1, 10 ** 6))


def _edit_route(daemon):
    """Another timeout of reviews' route: route configuration 9080 changes, and nothing else."""
    daemon.config.virtual_service("reviews", [{
        "route": [to("reviews", "v1")], "timeout": "%ds" % (next(EDITS) + 10)}])


def _edit_cluster(daemon, service="details"):
    """Another connect timeout of a service's clusters: nothing else changes."""
    daemon.config.destination_rule(service, {
        "host": service, "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
        "trafficPolicy": {"connectionPool": {"tcp": {
            "connectTimeout": "%ds" % (next(EDITS) + 10)}}}})


def _extra(daemon, addresses=("10.244.1.12",)):
    """A service of its own, before pods of details."""
    for kind, name in (("Service", "details"), ("EndpointSlice", "details-1")):
        document = daemon.config.get(kind, name)
        meta = document["metadata"]
        meta["name"] = meta["name"].replace("details", "extra")
        meta["labels"] = {k: v.replace("details", "extra") for k, v in meta["labels"].items()}
        if kind == "Service":
            document["spec"].update(clusterIP="10.96.10.99", clusterIPs=["10.96.10.99"])
        daemon.config.put(document)


def _no_extra(daemon):
    daemon.config.remove("EndpointSlice", "extra-1")
    daemon.config.remove("Service", "extra")
    # Pages show what is pushed: the next law is not to be told of it.
    wait_until("a mesh without it", lambda: "extra.default" not in daemon.page(
        "/debug/registryz").body, 30)


def _settled(daemon, w):
    """A stream that has clusters, listeners, one service's endpoints and the routes."""
    w.wanted = {"eds": [DETAILS], "rds": ["9080"]}
    for short in ("cds", "eds", "lds", "rds"):
        w.ask(short, w.wanted.get(short, ()))
        w.take(short)
        w.ack(short, w.wanted.get(short, ()))
    assert not w.fence(), "something comes after all was acknowledged"


def law_1(daemon, w):
    """only the first request has a node"""
    w.ask("cds")
    w.take("cds")
    assert not w.first
    w.ask("lds")
    w.take("lds")


def law_2(daemon, w):
    """every response has a nonce of its own; a stale one does not count as an answer"""
    _settled(daemon, w)
    nonces = [a.nonce for a in w.seen]
    assert all(nonces) and len(set(nonces)) == len(nonces), nonces
    if w.delta:  # the subscription change of a stale request still counts
        w.ask("eds", [RATINGS], nonce="stale")
        assert RATINGS in w.take("eds").resources
    else:
        w.ask("eds", [DETAILS, RATINGS], nonce="stale")
        assert not w.fence(), "a stale request is answered"
        w.ask("eds", [DETAILS, RATINGS], nonce=w.last["eds"].nonce)
        assert RATINGS in w.take("eds").resources


def law_3(daemon, w):
    """refused content is not sent again; the next is, and clears the refusal"""
    _settled(daemon, w)
    _edit_route(daemon)
    w.take("rds")
    w.ack("rds", ["9080"], error="refused by a law")
    assert not w.fence(), "refused content is sent again"
    assert w.call.is_active()
    _edit_route(daemon)
    assert "9080" in w.take("rds").resources
    w.ack("rds", ["9080"])
    w.fence()
    row = [r for r in daemon.json("/debug/syncz") if r["route_sent"] == w.last["rds"].nonce]
    state = row[0]["resources"][wire.NAMES["rds"]]
    assert state["status"] == "SYNCED" and not state.get("lastError"), state


def law_4(daemon, w):
    """what did not change is not sent"""
    _settled(daemon, w)
    _edit_route(daemon)
    w.take("rds")
    w.ack("rds", ["9080"])
    assert not w.fence(), "more than the changed route is sent"


def law_5(daemon, w):
    """state of the world: clusters are whole, endpoints are parts; delta: parts, and removals by name"""
    _settled(daemon, w)
    whole = set(w.last["cds"].resources)
    _extra(daemon)
    try:
        w.until("the new cluster", lambda a: EXTRA in a.resources and a.short == "cds")
        got = set(w.last["cds"].resources)
        assert got == ({EXTRA} if w.delta else whole | {EXTRA}), sorted(got)
    finally:
        _no_extra(daemon)
    w.until("its end", lambda a: a.short == "cds" and (
        EXTRA in a.removed if w.delta else EXTRA not in a.resources))
    if not w.delta:
        assert set(w.last["cds"].resources) == whole
        w.ask("eds", [DETAILS, RATINGS], nonce=w.last["eds"].nonce)
        assert set(w.take("eds").resources) == {RATINGS}, "endpoints come again without need"


def law_6(daemon, w):
    """delta: an unknown name is answered; state of the world: it leaves the rest alone"""
    w.ask("cds", [DETAILS, "no-such-cluster"])
    answer = w.take("cds")
    assert set(answer.resources) == {DETAILS}, answer
    assert answer.removed == (["no-such-cluster"] if w.delta else []), answer


def law_7(daemon, w):
    """an empty first request means all; after a name, an empty list means nothing"""
    w.ask("cds")
    assert len(w.take("cds").resources) > 5
    w.ack("cds")
    if w.delta:
        w.ask("cds", [DETAILS])
        assert set(w.take("cds").resources) == {DETAILS}
        w.ack("cds")
        w.ask("cds", unsubscribe=["*"])
        w.ask("cds", unsubscribe=[DETAILS])
    else:
        w.ask("cds", [DETAILS], nonce=w.last["cds"].nonce)
        assert set(w.take("cds").resources) == {DETAILS}
        w.ask("cds", [], nonce=w.last["cds"].nonce)
    w.ask("lds")
    w.take("lds")
    w.ack("lds")
    w.ask("rds", ["9080"])
    w.take("rds")
    w.ack("rds", ["9080"])
    _edit_cluster(daemon)
    _edit_route(daemon)
    answers = w.until("the route", lambda a: a.short == "rds")
    assert [a.short for a in answers] == ["rds"], answers


def law_8(daemon, w):
    """who asks again is sent again"""
    _settled(daemon, w)
    w.ask("eds", [DETAILS])
    assert set(w.take("eds").resources) == {DETAILS}


def law_9(daemon, w):
    """no response names a resource twice"""
    w.ask("cds", ["*", DETAILS, DETAILS])
    assert DETAILS in w.take("cds").resources  # that there is none twice, `take` checks of all
    w.ask("eds", [DETAILS, DETAILS])
    assert set(w.take("eds").resources) == {DETAILS}


def law_10(daemon, w):
    """a name that does not exist is remembered, and sent once it appears"""
    w.wanted = {"cds": [EXTRA]}
    w.ask("cds", [EXTRA])
    answer = w.take("cds")
    assert not answer.resources and answer.removed == ([EXTRA] if w.delta else []), answer
    w.ack("cds", [EXTRA])
    _extra(daemon)
    try:
        w.until("the cluster", lambda a: EXTRA in a.resources)
    finally:
        _no_extra(daemon)


def law_11(daemon, w):
    """who comes back with versions is sent what differs, and told what is gone"""
    if not w.delta:
        w.ask("cds", version="any")  # a version of another stream spares nothing, and harms nothing
        assert len(w.take("cds").resources) > 5
        return
    w.ask("cds")
    having = {n: v for n, (v, _) in w.take("cds").resources.items()}
    w.ack("cds")
    having.update({DETAILS: "old", "gone": "old"})
    with wire.Wire(w.address, True) as second:
        second.ask("cds", having=having)
        answer = second.take("cds")
        assert set(answer.resources) == {DETAILS} and answer.removed == ["gone"], answer


def law_12(daemon, w):
    """a changed cluster is followed by its endpoints, though these are the same"""
    _settled(daemon, w)
    before = w.last["eds"].resources[DETAILS][1]
    _edit_cluster(daemon)
    answers = w.until("its endpoints", lambda a: a.short == "eds" and DETAILS in a.resources)
    assert answers[0].short == "cds", answers
    assert w.last["eds"].resources[DETAILS][1] == before, "the endpoints were to be the same"


def law_13(daemon, w):
    """one change goes out as clusters, endpoints, listeners, routes"""
    _settled(daemon, w)
    w.wanted = {"eds": [DETAILS, EXTRA], "rds": ["9080"]}
    w.ask("eds", [EXTRA] if w.delta else [DETAILS, EXTRA], nonce=w.last["eds"].nonce)
    w.fence()
    if w.delta:
        w.ack("eds")
    _extra(daemon)
    try:
        answers = w.until("the routes", lambda a: a.short == "rds")
        kinds = [a.short for a in answers]
        assert kinds == sorted(kinds, key=["cds", "eds", "lds", "rds"].index), kinds
        assert {"cds", "rds"} <= set(kinds), kinds
    finally:
        _no_extra(daemon)


def law_14(daemon, w):
    """no resource has a time to live, so no heartbeat is owed"""
    w.ask("cds")
    answer = w.take("cds")
    if w.delta:
        assert not any(r.HasField("ttl") for r in answer.raw.resources)
    else:
        assert not any(r.type_url.endswith("discovery.v3.Resource") for r in answer.raw.resources)


def law_15(daemon, w):
    """names on demand are answered, without aliases"""
    w.ask("vhds" if w.delta else "rds", ["9080/no-such-host"] if w.delta else ["9080"])
    answer = w.take()
    if w.delta:
        assert answer.removed == ["9080/no-such-host"]
        assert not any(r.aliases for r in answer.raw.resources)


def law_16(daemon, w):
    """equal content has an equal version on every stream"""
    w.ask("cds")
    first = w.take("cds")
    with wire.Wire(w.address, w.delta) as second:
        second.ask("cds")
        again = second.take("cds")
    assert first.version and first.version == again.version
    if w.delta:
        assert all(first.resources[n][0] == v for n, (v, _) in again.resources.items())


LAWS = [law_1, law_2, law_3, law_4, law_5, law_6, law_7, law_8, law_9, law_10, law_11, law_12,
        law_13, law_14, law_15, law_16]


def _broken(start, delta):
    """What does not hold in one protocol."""
    broken = []
    with start() as daemon:
        for law in LAWS:
            with wire.Wire(daemon.ads, delta) as stream:
                stream.address = daemon.ads
                try:
                    law(daemon, stream)
                except Exception as error:
                    broken.append("%s (%s) in %s: %s: %s" % (
                        law.__name__, law.__doc__, "delta" if delta else "state of the world",
                        type(error).__name__, error))
            wait_until("the end of the stream", lambda: not daemon.json("/debug/syncz"), 30)
        repairs = [v for k, v in daemon.metrics().items() if k.startswith("navarch_state_repairs")]
        assert not any(repairs), "the server repaired itself"
    return broken


def _without_routes(daemon, delta):
    """A client that asks for no routes is given a cluster, and loses it in time."""
    name = "outbound|9080||late.default.svc.cluster.local"
    with wire.Wire(daemon.ads, delta) as w:
        for short in ("cds", "lds"):
            w.ask(short)
            w.take(short)
            w.ack(short)
        for kind, old in (("Service", "details"), ("EndpointSlice", "details-1")):
            document = daemon.config.get(kind, old)
            meta = document["metadata"]
            meta["name"] = meta["name"].replace("details", "late")
            meta["labels"] = {k: v.replace("details", "late") for k, v in meta["labels"].items()}
            if kind == "Service":
                document["spec"].update(clusterIP="10.96.10.77", clusterIPs=["10.96.10.77"])
                document["spec"]["ports"] = [
                    {"name": "tcp", "protocol": "TCP", "port": 9080, "targetPort": 9080}]
            daemon.config.put(document)
        kinds = [a.short for a in w.until("its listener", lambda a: (
            a.short == "lds" and "10.96.10.77_9080" in a.resources))]
        assert kinds[0] == "cds", kinds
        daemon.config.remove("EndpointSlice", "late-1")
        daemon.config.remove("Service", "late")
        w.until("the end of the cluster", lambda a: a.short == "cds" and (
            name in a.removed if delta else name not in a.resources))


def _never_asks(start, delta):
    """What is wrong with a stream whose client never asks for routes."""
    try:
        with start() as daemon:
            _without_routes(daemon, delta)
    except Exception as error:
        return ["without RDS (%s): %s: %s" % (delta, type(error).__name__, error)]
    return []


def test_sixteen_laws_by_both_protocols(start):
    """Every obligation holds over a socket, in both protocols; who never asks for RDS is not waited for"""
    # At the same time: a cluster that goes is drained for ten seconds.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(part, start, delta)
                 for part in (_broken, _never_asks) for delta in (False, True)]
        broken = sum((part.result() for part in parts), [])
    assert not broken, "; ".join(broken)
