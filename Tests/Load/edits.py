#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random valid edits of bookinfo's configuration, and broken files, from a seed.

  edits.py DIR [--seed N] [--edits 200] [--broken 50] [--seconds 120]

Every edit is one that an operator may make under traffic: whatever is routed to exists, new subsets
and services are written before the routes that use them, and go after those routes. So no request
may fail by any of them.
"""
import argparse
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Demo"))
from mesh import paths

if __name__ == "__main__":
    paths.with_yaml(__file__)
from mesh.config import ConfigDirectory, to

SERVICES = ("details", "ratings", "reviews")
VERSIONS = {"details": ["v1"], "ratings": ["v1"], "reviews": ["v1", "v2", "v3"]}


class Edits:
    """A source of edits over one configuration directory."""

    def __init__(self, config, seed):
        self.config, self.random, self.count = config, random.Random(seed), 0
        self.extra_subsets = {s: [] for s in SERVICES}   # in the DestinationRule
        self.routed = {s: {} for s in SERVICES}          # subset -> weight of the last route
        self.services = []                               # names of services that were added
        self.broken = []                                 # files of ours that do not parse
        self.overwritten = []                            # objects whose file was broken
        self.policies = {s: {} for s in SERVICES}        # trafficPolicy of each rule
        self.away = None                                 # (version of reviews, state, since when)
        self.more = 0                                    # servers of the added Gateway

    # Valid edits.
    def edit(self):
        """Makes one edit, and says what it was."""
        self.count += 1
        kinds = [self.route, self.weights, self.subset, self.subset_goes, self.policy,
                 self.service, self.service_changes, self.service_goes, self.outside,
                 self.gateway, self.endpoints, self.endpoints]
        return self.random.choice(kinds)()

    def pick(self):
        """Any of the services behind productpage."""
        return self.random.choice(SERVICES)

    def versions(self, service):
        """The versions that requests may be sent to."""
        away = self.away[0] if self.away and service == "reviews" else None
        return [v for v in VERSIONS[service] if v != away]

    def subsets(self, service):
        """Every subset that requests may be sent to."""
        return self.versions(service) + self.extra_subsets[service]

    def write_routes(self, service, weights, **more):
        """A VirtualService that spreads over subsets, some of it behind a match."""
        rule = {"name": "edit-%d" % self.count, "route": [
            to(service, subset, weight) for subset, weight in sorted(weights.items())]}
        rule.update(more)
        rules = [rule]
        if self.random.random() < 0.5:
            match = self.random.choice([
                {"headers": {"end-user": {"exact": "user-%d" % self.random.randrange(9)}}},
                {"uri": {"prefix": "/%s/%d" % (service, self.random.randrange(1, 9))}},
                {"queryParams": {"page": {"exact": str(self.random.randrange(9))}}}])
            first = self.random.choice(sorted(weights))
            rules.insert(0, {"name": "edit-%d-match" % self.count, "match": [match],
                             "route": [to(service, first)]})
        self.routed[service] = weights
        self.config.virtual_service(service, rules)

    def spread(self, names):
        """Weights that add up to 100."""
        cuts = sorted(self.random.randrange(101) for _ in names[1:])
        bounds = [0, *cuts, 100]
        return {n: bounds[i + 1] - bounds[i] for i, n in enumerate(names)}

    def route(self):
        """Other timeouts, retries and headers."""
        service = self.pick()
        more = {"timeout": "%ds" % self.random.randrange(20, 60),
                "retries": {"attempts": self.random.randrange(1, 4), "retryOn": "5xx,reset"},
                "headers": {"response": {"set": {"x-edit": str(self.count)}}}}
        self.write_routes(service, self.spread(self.versions(service)), **more)
        return "route of " + service

    def weights(self):
        """Another spread over all subsets."""
        service = self.pick()
        self.write_routes(service, self.spread(self.subsets(service)))
        return "weights of " + service

    def write_rule(self, service):
        """The DestinationRule as it now is."""
        names = [{"name": v, "labels": {"version": v}} for v in VERSIONS[service]]
        names += [{"name": n, "labels": {"version": VERSIONS[service][-1]}}
                  for n in self.extra_subsets[service]]
        spec = {"host": service, "subsets": names}
        if self.policies[service]:
            spec["trafficPolicy"] = self.policies[service]
        self.config.destination_rule(service, spec)

    def subset(self):
        """A new subset, and at once a route to it."""
        service = self.pick()
        if len(self.extra_subsets[service]) >= 4:
            return self.subset_goes()
        self.extra_subsets[service].append("canary-%d" % self.count)
        self.write_rule(service)
        self.write_routes(service, self.spread(self.subsets(service)))
        return "new subset of " + service

    def subset_goes(self):
        """A subset goes right after the last route to it."""
        service = self.pick()
        if not self.extra_subsets[service]:
            return self.weights()
        self.extra_subsets[service].pop(0)
        self.write_routes(service, self.spread(self.subsets(service)))
        self.write_rule(service)
        return "subset of %s goes" % service

    def policy(self):
        """Another load balancer and pool: the clusters change, and warm, under traffic."""
        service = self.pick()
        self.policies[service] = {
            "loadBalancer": {"simple": self.random.choice(
                ["RANDOM", "ROUND_ROBIN", "LEAST_REQUEST"])},
            "connectionPool": {"tcp": {"connectTimeout": "%ds" % self.random.randrange(5, 15),
                                       "maxConnections": self.random.randrange(5000, 9000)}}}
        self.write_rule(service)
        return "policy of " + service

    def service(self):
        """A new service before the pods of details, and a way in to it."""
        if len(self.services) >= 5:
            return self.service_goes()
        name = "extra-%d" % self.count
        service = self.config.get("Service", "details")
        service["metadata"].update(name=name, labels={"app": "details", "service": name})
        address = "10.96.20.%d" % (self.count % 250 + 1)
        service["spec"].update(clusterIP=address, clusterIPs=[address])
        slice_ = self.config.get("EndpointSlice", "details-1")
        slice_["metadata"].update(name=name + "-1", labels=dict(
            slice_["metadata"]["labels"], **{"kubernetes.io/service-name": name}))
        self.services.append(name)
        self.config.put(service)
        self.config.put(slice_)
        self.write_outside()
        return "new service " + name

    def service_changes(self):
        """A label and a port of an added service."""
        if not self.services:
            return self.service()
        name = self.random.choice(self.services)
        service = self.config.get("Service", name)
        service["metadata"]["labels"]["edited"] = "edit-%d" % self.count
        number = self.random.randrange(10000, 10010)
        service["spec"]["ports"] = service["spec"]["ports"][:1] + [
            {"name": "http-more", "protocol": "TCP", "port": number, "targetPort": 9080}]
        self.config.put(service)
        return "ports of " + name

    def service_goes(self):
        """An added service goes, right after the route to it."""
        if not self.services:
            return self.service()
        name = self.services.pop(0)
        self.write_outside()
        self.config.remove("EndpointSlice", name + "-1")
        self.config.remove("Service", name)
        return "service %s goes" % name

    def gateway(self):
        """Another Gateway at the same port: other hosts, or none any more."""
        self.more = (self.more + 1) % 4
        if not self.more:
            self.config.remove("VirtualService", "more")
            self.config.remove("Gateway", "more")
            return "gateway goes"
        document = self.config.get("Gateway", "bookinfo-gateway")
        document["metadata"] = {"name": "more", "namespace": "default"}
        server = document["spec"]["servers"][0]
        hosts = ["more-%d.example" % n for n in range(self.more)]
        document["spec"]["servers"] = [dict(server, hosts=hosts)]
        self.config.put(document)
        self.config.virtual_service("more", [{"route": [to("details", port=9080)]}], hosts, ["more"])
        return "hosts of a gateway"

    # How long proxies may take to send no more requests to a version, before its endpoints go.
    REST = 3.0

    def endpoints(self):
        """A version of reviews is routed around, loses its endpoint, gets it back, is routed to."""
        now = time.monotonic()
        if self.away and now < self.away[2] + self.REST:
            return self.added_endpoints()
        if not self.away:
            self.away = (self.random.choice(["v1", "v2"]), "unused", now)
            self.write_routes("reviews", self.spread(self.subsets("reviews")))
            return "reviews routed around a version"
        version, state, _ = self.away
        if state == "unused":
            self.all_endpoints = self.config.get("EndpointSlice", "reviews-1")
            less = self.config.get("EndpointSlice", "reviews-1")
            less["endpoints"] = [e for e in less["endpoints"]
                                 if not e["targetRef"]["name"].startswith("reviews-" + version)]
            self.config.put(less)
            self.away = (version, "gone", now)
            return "endpoints of reviews: one goes"
        self.return_all()
        return "endpoints of reviews: one comes back"

    def return_all(self):
        """The endpoint that went is back."""
        if self.away and self.away[1] == "gone":
            self.config.put(self.all_endpoints)
        self.away = None

    def added_endpoints(self):
        """The endpoints of an added service come and go."""
        if not self.services:
            return self.service()
        name = self.random.choice(self.services)
        slice_ = self.config.get("EndpointSlice", name + "-1")
        every = self.config.get("EndpointSlice", "details-1")["endpoints"]
        slice_["endpoints"] = [] if slice_["endpoints"] else every
        self.config.put(slice_)
        return "endpoints of " + name

    def outside(self):
        """Other routes on the ingress gateway, of a host that the load does not use."""
        self.write_outside()
        return "routes of the gateway"

    def write_outside(self):
        """A way in for every added service."""
        rules = [{"name": "edit-%d-%s" % (self.count, name),
                  "match": [{"uri": {"prefix": "/%s/" % name}}],
                  "route": [to(name, port=9080)]} for name in self.services]
        rules.append({"name": "edit-%d" % self.count, "route": [to("details", port=9080)]})
        self.config.virtual_service("extra", rules, ["extra.example"], ["bookinfo-gateway"])

    # Broken files.
    TEXTS = (
        "kind: VirtualService\nspec: [unclosed\n",
        "apiVersion: v1\nkind: Service\n\tmetadata: {name: tab}\n",
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        "metadata: {name: broken, namespace: default}\nspec: {hosts: [reviews], htpp: []}\n",
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        "metadata: {name: broken, namespace: default}\n"
        "spec: {host: reviews, trafficPolicy: {connectionPool: {tcp: {connectTimeout: soon}}}}\n",
        "apiVersion: networking.istio.io/v1\nkind: Gateway\n"
        "metadata: {name: broken, namespace: default}\n"
        "spec: {servers: [{port: {number: 99999}}]}\n",
        "\x00\x01\x02 not text at all\n",
        "- just\n- a\n- list\n",
        "{\"apiVersion\": \"v1\", \"kind\": \"Service\"",
    )

    def break_something(self):
        """A new broken file, or half a file in place of a good one; old ones are repaired."""
        if len(self.broken) + len(self.overwritten) >= 4:
            self.repair_one()
        if self.random.random() < 0.3:
            key = self.random.choice(sorted(k for k in self.config.objects if k[0] in (
                "VirtualService", "DestinationRule")))
            with open(self.config.path(key)) as file:
                text = file.read()
            self.config.write_text(self.config.path(key), text[:len(text) // 2] + "\n  broken: [")
            self.overwritten.append(key)
            return "half of " + os.path.basename(self.config.path(key))
        path = os.path.join(self.config.folder, "broken-%d.yaml" % self.random.randrange(10 ** 9))
        self.config.write_text(path, self.random.choice(self.TEXTS))
        self.broken.append(path)
        return "broken file"

    def repair_one(self):
        """Deletes the oldest broken file, or writes the object again."""
        if self.broken:
            os.unlink(self.broken.pop(0))
            return
        key = self.overwritten.pop(0)
        document = self.config.objects.pop(key, None)
        if document is not None:  # written meanwhile by an edit: then it is good already
            self.config.put(document)

    def repair_all(self):
        """No broken file stays."""
        while self.broken or self.overwritten:
            self.repair_one()


def schedule(source, edits, broken, seconds, wait, told=lambda after, what: None):
    """Spreads edits and broken files evenly over the time; wait(seconds) sleeps, or raises.

    Each is told with the seconds since the start. Returns how many there were of each kind."""
    steps = ["edit"] * edits + ["break"] * broken
    source.random.shuffle(steps)
    began = time.monotonic()
    done = {}
    for number, step in enumerate(steps):
        left = began + seconds * number / max(1, len(steps)) - time.monotonic()
        if left > 0:
            wait(left)
        what = source.edit() if step == "edit" else source.break_something()
        told(time.monotonic() - began, what)
        kind = re.sub(r"extra-\d+", "one", what) if step == "edit" else "broken files"
        done[kind] = done.get(kind, 0) + 1
    source.repair_all()
    source.return_all()
    return done


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir", help="a directory of its own: the sample is written into it")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--edits", type=int, default=200)
    p.add_argument("--broken", type=int, default=50)
    p.add_argument("--seconds", type=float, default=120)
    o = p.parse_args()
    config = ConfigDirectory(o.dir)
    config.load_samples()
    done = schedule(Edits(config, o.seed), o.edits, o.broken, o.seconds, time.sleep)
    for what, count in sorted(done.items()):
        print("%5d  %s" % (count, what))


if __name__ == "__main__":
    sys.exit(main())
