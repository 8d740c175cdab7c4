# SPDX-License-Identifier: Apache-2.0
"""A random history of changes and faults at the API server, seen by a proxy that stays connected.

NAVARCH_HISTORY_SEED (a number, or `random`) and NAVARCH_HISTORY_STEPS choose another history.
"""
import os
import random
import time

import adsclient
from cluster import Cluster
from mesh.client import TimedOut, wait_until

NETWORKING = "networking.istio.io/v1"
WATCHED = ["services", "endpointslices", "pods", "virtualservices", "destinationrules",
           "serviceentries", "nodes"]
#: Of these services only the endpoints and the rules change, and one endpoint always stays.
LASTING = ["lasting-0", "lasting-1", "lasting-2"]
PASSING = ["passing-0", "passing-1", "passing-2"]


class Watcher(adsclient.Client):
    """A delta client that notes what is taken from it."""

    def __init__(self, *arguments, **options):
        self.removed, self.emptied = {}, set()
        super().__init__(*arguments, delta=True, **options)

    def _take(self, response):
        if adsclient.SHORT[response.type_url] == "cds":
            for name in response.removed_resources:
                self.removed[name] = self.removed.get(name, 0) + 1
        super()._take(response)
        for name, assignment in self.resources["eds"].items():
            if "||lasting-" in name and not any(l.lb_endpoints for l in assignment.endpoints):
                self.emptied.add(name)


def cluster_name(service):
    """The cluster of a service's port."""
    return "outbound|80||%s.default.svc.cluster.local" % service


class History:
    """Changes of a cluster's objects, and what goes wrong meanwhile, as a seed decides."""

    def __init__(self, cluster, seed):
        self.cluster, self.random = cluster, random.Random(seed)
        self.deleted = {}   # service -> how often it was deleted
        self.there = set()  # (kind, name) of what may go

    def begin(self):
        """What is there from the start."""
        for number in range(3):
            self.put_node(number)
        for name in LASTING:
            self.put_service(name)
            self.put_slice(name)

    # Changes.
    def put(self, version, kind, name, labels=None, namespace="default", **rest):
        """Makes or replaces an object."""
        meta = {"name": name, "labels": labels or {}}
        if namespace:
            meta["namespace"] = namespace
        self.cluster.put({"apiVersion": version, "kind": kind, "metadata": meta, **rest})

    def remove(self, version, kind, name):
        """Deletes an object, if it is there."""
        if (kind, name) in self.there:
            self.there.discard((kind, name))
            if kind == "Service":
                self.deleted[name] = self.deleted.get(name, 0) + 1
            self.cluster.remove(version, kind, "default", name)

    def put_node(self, number):
        """A node in some zone."""
        zone = "zone-%d" % self.random.randrange(2)
        self.put("v1", "Node", "node-%d" % number, {
            "topology.kubernetes.io/region": "region", "topology.kubernetes.io/zone": zone},
            namespace="")

    def put_service(self, name):
        """A service."""
        number = (LASTING + PASSING).index(name)
        self.there.add(("Service", name))
        self.put("v1", "Service", name, spec={
            "clusterIP": "10.97.0.%d" % (number + 1), "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            "sessionAffinity": self.random.choice(["None", "ClientIP"])})

    def put_slice(self, name):
        """Some endpoints of a service: one that stays, and others whose pods may come later."""
        number = (LASTING + PASSING).index(name)
        places = self.random.sample(range(1, 6), self.random.randrange(5))
        endpoints = [{"addresses": ["10.98.%d.250" % number], "conditions": {"ready": True}}]
        endpoints += [{"addresses": ["10.98.%d.%d" % (number, place)],
                       "conditions": {"ready": self.random.random() < 0.8},
                       "nodeName": "node-%d" % (place % 3),
                       "targetRef": {"kind": "Pod", "namespace": "default",
                                     "name": "%s-%d" % (name, place)}} for place in places]
        self.there.add(("EndpointSlice", name))
        self.put("discovery.k8s.io/v1", "EndpointSlice", name,
                 {"kubernetes.io/service-name": name}, addressType="IPv4", endpoints=endpoints,
                 ports=[{"name": "http", "protocol": "TCP", "port": 8080}])

    def put_pod(self, name):
        """One of a service's pods."""
        number, place = (LASTING + PASSING).index(name), self.random.randrange(1, 6)
        address, pod = "10.98.%d.%d" % (number, place), "%s-%d" % (name, place)
        self.there.add(("Pod", pod))
        self.put("v1", "Pod", pod, {"app": name, "version": self.random.choice("ab")},
                 spec={"nodeName": "node-%d" % (place % 3), "serviceAccountName": name},
                 status={"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                         "conditions": [{"type": "Ready", "status": "True"}]})

    def put_rules(self, name):
        """How requests to a service are routed."""
        self.there.update([("VirtualService", name), ("DestinationRule", name)])
        seconds = self.random.randrange(1, 9)
        self.cluster.virtual_service(name, [{"timeout": "%ds" % seconds, "route": [
            {"destination": {"host": name}}]}])
        self.put(NETWORKING, "DestinationRule", name, spec={"host": name, "trafficPolicy": {
            "connectionPool": {"tcp": {"connectTimeout": "%ds" % seconds}}}})

    def put_entry(self):
        """A service from outside."""
        number = self.random.randrange(3)
        self.put(NETWORKING, "ServiceEntry", "outside-%d" % number, spec={
            "hosts": ["outside-%d.example" % number], "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": "192.0.2.%d" % self.random.randrange(1, 9)}]})

    def change(self):
        """One change."""
        name = self.random.choice(LASTING + PASSING)
        kind = self.random.randrange(12)
        if kind < 4:
            self.put_slice(name)
        elif kind < 6:
            self.put_pod(name)
        elif kind == 6:
            self.put_rules(name)
        elif kind == 7:
            self.put_entry()
        elif kind == 8:
            self.put_node(self.random.randrange(3))
        elif kind == 9 and name in PASSING:
            self.put_service(name)
        elif kind == 10:
            self.remove("v1", "Pod", "%s-%d" % (name, self.random.randrange(1, 6)))
            self.remove(NETWORKING, self.random.choice(["VirtualService", "DestinationRule"]), name)
        elif name in PASSING:
            self.remove("v1", "Service", name)
            self.remove("discovery.k8s.io/v1", "EndpointSlice", name)

    # Faults.
    def fault(self, verb="watch", **rule):
        """Something that some requests of the daemon meet."""
        self.cluster.fault(match={"verb": verb, "resource": self.random.choice(WATCHED),
                                  "userAgent": "navarchd"}, **rule)

    def expire(self):
        """Whoever watches has to list again."""
        self.cluster.fake("POST", "close-watches")
        self.cluster.fake("POST", "advance", {"versions": 50})
        self.cluster.fake("POST", "compact")

    def harm(self):
        """One fault."""
        ends = lambda: self.cluster.fake("POST", "close-watches")
        faults = [
            lambda: (self.fault(cut="frame", cutAfter=self.random.randrange(3), count=1), ends()),
            lambda: (self.fault(cut=self.random.randrange(1, 3000), count=1), ends()),
            lambda: (self.fault(slow=[self.random.randrange(20, 400), 0.005], count=2), ends()),
            lambda: (self.fault(duplicate=True, count=2), ends()),
            lambda: (self.fault(status=429, retryAfter=1, count=1), ends()),
            lambda: (self.fault(status=self.random.choice([500, 503]), count=1), ends()),
            lambda: (self.fault(status=410, count=1), ends()),
            lambda: self.fault("list", status=500, count=1),
            lambda: self.cluster.fake("POST", "hold", {"resources": self.random.sample(WATCHED, 2)}),
            lambda: self.cluster.fake("DELETE", "hold"),
            self.expire, ends,
        ]
        self.random.choice(faults)()

    def play(self, steps, patience):
        """So many steps, at a pace that leaves the daemon time to notice some of them."""
        refusals = 2 + steps // 200
        for step in range(steps):
            if self.random.random() < 0.25:
                self.harm()
            elif refusals and self.random.random() < 0.02:
                refusals -= 1
                self.cluster.refuse(0.3)
            else:
                self.change()
            patience(self.random.choice([0, 0, 0.02, 0.1]))

    def heal(self):
        """Nothing goes wrong any more."""
        self.cluster.fake("DELETE", "faults")
        self.cluster.fake("DELETE", "hold")


def _same(watcher, fresh):
    """What differs between two clients of one node, first names first."""
    mine, theirs = watcher.json(), fresh.json()
    return [(short, name) for short in theirs
            for name in sorted(set(mine[short]) | set(theirs[short]))
            if mine[short].get(name) != theirs[short].get(name)]


def test_random_history(start):
    """After random changes and faults a proxy has what a fresh daemon reads, and lost nothing on the way"""
    seed = os.environ.get("NAVARCH_HISTORY_SEED", "7")
    seed = random.randrange(1 << 32) if seed == "random" else int(seed)
    steps = int(os.environ.get("NAVARCH_HISTORY_STEPS", "100"))
    print("      seed %d, %d steps" % (seed, steps), flush=True)
    with Cluster() as cluster:
        history = History(cluster, seed)
        history.begin()
        with start(kubeconfig=cluster.config) as daemon, Watcher(daemon.ads) as watcher:
            watcher.start().wait("full answer", adsclient.Client.complete)
            history.play(steps, time.sleep)
            assert sum(r["hits"] for r in cluster.fake("GET", "faults")), "nothing went wrong"
            history.heal()
            with start(kubeconfig=cluster.config) as other, \
                    adsclient.Client(other.ads, delta=True) as fresh:
                fresh.start().wait("full answer", adsclient.Client.complete)
                try:
                    wait_until("agreement", lambda: not _same(watcher, fresh), 150, 0.3)
                except TimedOut:
                    raise AssertionError("seed %d: a fresh daemon serves otherwise: %s" % (
                        seed, _same(watcher, fresh)[:8])) from None
                for short, held in fresh.resources.items():
                    for name in held:
                        assert watcher.versions[short][name] == fresh.versions[short][name], (
                            "seed %d: the version of %s differs" % (seed, name))
            assert not watcher.ended, "seed %d: the stream ended" % seed
            repairs = sum(v for k, v in daemon.metrics().items()
                          if k.startswith("navarch_state_repairs_total"))
            assert not repairs, "seed %d: %d repairs" % (seed, repairs)
        allowed = {cluster_name(s): count for s, count in history.deleted.items()}
        spurious = {n: c for n, c in watcher.removed.items() if c > allowed.get(n, 0)}
        assert not spurious, "seed %d: removed without cause: %s" % (seed, spurious)
        assert not watcher.emptied, "seed %d: emptied: %s" % (seed, watcher.emptied)
