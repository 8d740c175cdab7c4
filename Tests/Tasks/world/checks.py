# SPDX-License-Identifier: Apache-2.0
"""The checks of a task: what is asked, and what must come of it."""
import concurrent.futures
import re
import urllib.parse
from collections import Counter

from .ask import Target

REQUESTS = 300  # for shares: five standard deviations tell 50 from 65 in a hundred


class Skipped(Exception):
    """A check that cannot be played here, with the reason."""


def seconds(text):
    """The seconds of a duration such as 0.5s."""
    return float(str(text).rstrip("s"))


class Checker:
    """Plays checks in a box."""

    def __init__(self, box):
        self.box = box

    # Who asks, and whom.
    def caller(self, check):
        """The name of the proxy that a check is about."""
        name = check.get("from") or {"egress gateway": "egress"}.get(check.get("at"), "curl")
        if name.startswith("gateway "):
            name = "ingress"  # the one that Gateways of tasks select
        name = {"sidecar": "curl"}.get(name, name)
        if name not in self.box.pods:
            raise Skipped("no caller %s" % name)
        return name

    def proxy(self, check):
        """The admin page of the proxy that a check is about, and of its pod."""
        return self.box.admin(self.box.pods[self.caller(check)])

    def service(self, name, caller):
        """The address of a service as a pod names it."""
        parts = name.split(".")
        space = parts[1] if len(parts) > 1 else self.box.pods[caller].kubernetes_namespace
        found = self.box.objects.get(("Service", space, parts[0]))
        if not found:
            raise Skipped("no service %s" % name)
        return found["spec"]["clusterIP"]

    def target(self, check):
        """The request of a check."""
        if "at" in check:
            host, port = check.get("sni") or check["host"], check.get("port")
            scheme = "https" if "sni" in check else "http"
            if host.endswith(".svc.cluster.local"):
                address = self.service(host, "curl")
            else:
                address = self.box.outside[host]
            return self.made("curl", (address, port or (443 if "sni" in check else 80)), host,
                             check, scheme)
        caller, to = self.caller(check), str(check.get("to", ""))
        if caller == "ingress":
            scheme = "tcp" if to.startswith("tcp:") else check.get("scheme", "http")
            port = int(to[4:]) if scheme == "tcp" else {"http": 8080, "https": 8443}[scheme]
            return self.made(None, (self.box.pods["ingress"].address, port),
                             check.get("host", "gateway.example"), check, scheme)
        if to.startswith("tcp:"):
            host, _, port = to[4:].partition(":")
            address = host if re.fullmatch(r"[\d.]+", host) else self.service(host, caller)
            return self.made(caller, (address, int(port)), host, check, "tcp")
        if "://" in to:
            url = urllib.parse.urlsplit(to)
            port = url.port or {"http": 80, "https": 443}[url.scheme]
            return self.made(caller, (self.box.outside[url.hostname], port), url.hostname,
                             check, url.scheme, url.path or "/")
        authority, slash, path = to.partition("/")
        host, _, port = authority.partition(":")
        return self.made(caller, (self.service(host, caller), int(port)), authority, check,
                         "http", slash + path if slash else "/")

    def made(self, caller, address, host, check, scheme, path=None):
        """The request; what must be cut off in time is asked of something slow."""
        headers = dict(check.get("headers", {}))
        path = path or check.get("path", "/")
        if check["expect"].get("status") == 504 and "/delay/" not in path:
            headers["x-world-delay-ms"] = "3000"
        if check.get("concurrency", 1) > 1:
            headers["x-world-delay-ms"] = "300"
        pod = self.box.pods[caller] if caller else None
        home = pod.namespace if pod else self.box.home
        authority = self.box.authority
        client = authority.issue("client", "DNS:client") if check.get("client_cert") else None
        return Target(home, address, host, scheme, path, check.get("method", "GET"), headers,
                      client)

    # What must come of it.
    def play(self, check):
        """(expected, seen, good) of each expectation."""
        expect = dict(check["expect"])
        if "priorities" in expect or "locality_weights" in expect:
            yield from self.localities(check, expect)
            return
        if "access_log" in expect:
            yield from self.access_logs(expect["access_log"])
            return
        before = self.requests(check, expect.get("cluster") or self.mirror(expect))
        target = self.target(check)
        answers = self.asked(target, check, expect)
        for name, wanted in expect.items():
            judge = getattr(self, "see_" + name, None)
            if judge is None:
                raise Skipped("no way to see %s" % name)
            yield (name, wanted, *judge(wanted, answers, check, before))

    def asked(self, target, check, expect):
        """The answers to a check's requests."""
        count = REQUESTS if "weights" in expect else check.get("requests", 1)
        with concurrent.futures.ThreadPoolExecutor(
                8 if "weights" in expect else check.get("concurrency", 1)) as pool:
            return [f.result() for f in [pool.submit(target.ask) for _ in range(count)]]

    def pod(self, answer):
        """The pod that answered, or {}."""
        return next((o for key, o in self.box.objects.items() if key[0] == "Pod" and
                     o["status"]["podIP"] == answer.world.get("address")), {})

    def labels(self, answer):
        """The labels of the pod that answered."""
        return self.pod(answer).get("metadata", {}).get("labels", {})

    def see_status(self, wanted, answers, *_):
        return str(answers[0]), all(a.status == wanted for a in answers)

    def see_some_status(self, wanted, answers, *_):
        seen = Counter(a.status for a in answers)
        return dict(seen), seen[wanted] > 0

    def see_within(self, wanted, answers, *_):
        return "%.2f s" % answers[0].seconds, (
            seconds(wanted) - 0.05 <= answers[0].seconds < seconds(wanted) + 1.5)

    def see_delay(self, wanted, answers, *_):
        return "%.2f s" % answers[0].seconds, answers[0].status == 200 and (
            seconds(wanted) - 0.05 <= answers[0].seconds < seconds(wanted) + 2)

    def see_percent(self, wanted, answers, *_):
        return "each of them", wanted == 100

    def see_subset(self, wanted, answers, *_):
        seen = Counter(self.labels(a).get("version", str(a)) for a in answers)
        return dict(seen), set(seen) == {wanted}

    def see_service(self, wanted, answers, *_):
        key = ("Service", "default", wanted)
        selector = self.box.objects[key]["spec"]["selector"] if key in self.box.objects else {}
        return [str(a) for a in answers], bool(selector) and all(
            selector.items() <= self.labels(a).items() for a in answers)

    def see_weights(self, wanted, answers, *_):
        seen = Counter(self.labels(a).get("version", str(a)) for a in answers)
        good = sum(seen[k] for k in wanted) == len(answers)
        for key, percent in wanted.items():
            share = percent / 100
            spread = 5 * (len(answers) * share * (1 - share)) ** 0.5
            good = good and abs(seen[key] - len(answers) * share) <= spread
        return dict(seen), good

    def see_connection_reset(self, wanted, answers, *_):
        return str(answers[0]), (answers[0].status == 0) == wanted

    def see_tls_failure(self, wanted, answers, *_):
        return str(answers[0]), answers[0].tls_failure == wanted

    def see_tls_terminated(self, wanted, answers, *_):
        return str(answers[0]), answers[0].world.get("tls") == (not wanted)

    def see_upstream_tls(self, wanted, answers, *_):
        if wanted != "SIMPLE":
            raise Skipped("no way to see TLS %s" % wanted)
        return str(answers[0]), answers[0].world.get("tls") is True

    def see_upstream_port(self, wanted, answers, *_):
        return str(answers[0]), answers[0].world.get("port") == wanted

    def see_cluster(self, wanted, answers, check, before):
        after = self.requests(check, wanted)
        return "%d more requests to it; %s" % (after - before, answers[0]), after > before

    @staticmethod
    def mirror(expect):
        """The cluster of the service that gets copies of requests, or None."""
        name = expect.get("mirrored_to")
        return name and "outbound|80||%s.default.svc.cluster.local" % name

    def see_mirrored_to(self, wanted, answers, check, before):
        after = self.requests(check, self.mirror(check["expect"]))
        return "%d more requests to it" % (after - before), after > before

    def see_upstream_header(self, wanted, answers, *_):
        seen = answers[0].world.get("headers", {})
        return seen, all(seen.get(k) == v for k, v in wanted.items())

    def see_endpoints(self, wanted, answers, check, *_):
        service = check["to"].split(":")[1]
        port = check["to"].split(":")[2]
        seen = self.proxy(check).endpoints("outbound|%s||%s.default.svc.cluster.local" % (
            port, service))
        return seen, seen == sorted(wanted)

    def see_sds(self, wanted, answers, check, *_):
        text = self.proxy(check).text("/config_dump?resource=dynamic_active_secrets")
        names = re.findall(r'"name": "([^"]*)"', text)
        return names, wanted in names

    def requests(self, check, cluster):
        """How many requests and connections a proxy has had for a cluster."""
        if not cluster:
            return 0
        stats = self.proxy(check).text("/stats?usedonly&filter=" + urllib.parse.quote(
            r"upstream_(rq_total|cx_total|cx_none_healthy)$"))
        return sum(int(line.rpartition(": ")[2]) for line in stats.splitlines()
                   if re.match(r"cluster\.%s;?\.upstream_\w+: " % re.escape(cluster),
                               line))

    def access_logs(self, wanted):
        """Where sidecars write a log of what they do: kinds of places that have the logger."""
        logger, path = wanted.split()[:2]
        places = {"listener": "config.listener.v3.Listener",
                  "HTTP": "http_connection_manager.v3.HttpConnectionManager",
                  "TCP": "tcp_proxy.v3.TcpProxy"}
        for name, pod in self.box.pods.items():
            if pod.gateway:
                continue
            seen = set()
            for entry in self.box.admin(pod).dump("dynamic_listeners"):
                collect(entry.get("active_state", {}).get("listener", {}), logger, path, seen)
            missing = [k for k, kind in places.items() if not any(kind in s for s in seen)]
            yield "access_log of " + name, wanted, "none on %s" % missing, not missing

    def localities(self, check, expect):
        """Priorities and weights of the localities that helloworld has."""
        name = "outbound|5000||helloworld.sample.svc.cluster.local"
        page = self.box.admin(self.box.pods["curl"]).json(
            "/config_dump?include_eds&resource=dynamic_endpoint_configs")
        found = [e["endpoint_config"] for e in page.get("configs", [])
                 if e["endpoint_config"].get("cluster_name") == name]
        groups = found[0].get("endpoints", []) if found else []
        seen = {"%s/%s" % (g["locality"].get("region"), g["locality"].get("zone")): g
                for g in groups if g.get("lb_endpoints")}
        if "priorities" in expect:
            shown = {k: g.get("priority", 0) for k, g in seen.items()}
            yield "priorities", expect["priorities"], shown, shown == expect["priorities"]
        else:
            shown = {k: g.get("load_balancing_weight", 0) for k, g in seen.items()
                     if g.get("load_balancing_weight")}
            yield ("locality_weights", expect["locality_weights"], shown,
                   shown == expect["locality_weights"])


def collect(value, logger, path, seen):
    """The types of the messages within a message of which an access log has a logger and a path."""
    if isinstance(value, dict):
        for log in value.get("access_log", []):
            if log["name"] == logger and log.get("typed_config", {}).get("path") == path:
                seen.add(value.get("@type", ""))
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            collect(inner, logger, path, seen)
