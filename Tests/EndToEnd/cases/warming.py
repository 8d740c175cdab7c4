# SPDX-License-Identifier: Apache-2.0
"""Make before break, as a real Envoy sees it: no missing secret, refused cluster or silent client stops
anything else, and no request fails meanwhile."""
import concurrent.futures
import http.client
import http.server
import os
import subprocess
import tempfile
import threading

import adsclient
from certificates import Authority, read
from mesh import paths
from mesh.client import wait_until
from mesh.config import ISTIO, ConfigDirectory
from mesh.envoy import Admin
from mesh.ports import free_ports
from mesh.processes import Child

LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
HOST = "a.example"


class Upstream(http.server.ThreadingHTTPServer):
    """Answers everything; /slow once it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked, self.release = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        """Where it listens."""
        return self.server_address[1]

    def close(self):
        """Ends it."""
        self.release.set()
        self.shutdown()
        self.server_close()


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            self.server.asked.set()
            self.server.release.wait(60)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Visitor(threading.Thread):
    """Asks one route again and again, over connections that it opens anew; nothing may fail."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.done, self.answers, self.error = port, threading.Event(), 0, None
        self.start()

    def run(self):
        while not self.done.is_set() and not self.error:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                for _ in range(20):
                    status = _get(connection, "/")
                    assert status == 200, status
                    self.answers += 1
                    if self.done.wait(0.01):
                        return
            except Exception as error:
                self.error = error
            finally:
                connection.close()

    def end(self):
        """Fails where a request did."""
        self.done.set()
        self.join(60)
        if self.error:
            raise AssertionError("after %d answers: %r" % (self.answers, self.error))
        assert self.answers > 20, "only %d requests were answered" % self.answers


def _get(connection, path, host=HOST):
    connection.request("GET", path, headers={"host": host})
    answer = connection.getresponse()
    answer.read()
    return answer.status


class Gateway:
    """A control plane and a real Envoy as its gateway, before services on this machine."""

    def __init__(self, start, folder, protocol):
        self.folder, self.protocol = folder, protocol
        self.port, self.other_port, admin = free_ports(3)
        self.upstream = Upstream()
        self.config = ConfigDirectory(os.path.join(folder, "config"))
        self.edits = 0
        self.put("v1", "Pod", "istio-ingressgateway", "istio-system", LABELS,
                 spec={"serviceAccountName": "gateway"}, status={
                     "phase": "Running", "podIP": "10.244.1.20", "podIPs": [{"ip": "10.244.1.20"}],
                     "conditions": [{"type": "Ready", "status": "True"}]})
        ports = [("http", 80, self.port), ("http-other", 81, self.other_port)]
        self.put("v1", "Service", "gateway", "istio-system", spec={
            "selector": LABELS, "clusterIP": "10.96.10.20",
            "ports": [{"name": n, "port": p, "targetPort": t} for n, p, t in ports]})
        for name in ("a", "b"):
            self.service(name)
        self.gateway("main", 80)
        self.routes()
        self.daemon = start(config_dir=self.config.folder)
        self.admin = Admin(None, ("127.0.0.1", admin))
        self.envoy = None

    def put(self, version, kind, name, namespace, labels=None, **rest):
        """Writes one object."""
        self.config.put({"apiVersion": version, "kind": kind, "metadata": {
            "name": name, "namespace": namespace, "labels": labels or {}}, **rest})

    def service(self, name):
        """A service before the upstream."""
        self.put("v1", "Service", name, "istio-system", spec={
            "clusterIP": "10.96.30.%d" % (ord(name[0]) % 200 + 1),
            "ports": [{"name": "http", "port": 80, "targetPort": self.upstream.port}]})
        self.put("discovery.k8s.io/v1", "EndpointSlice", name, "istio-system",
                 {"kubernetes.io/service-name": name}, addressType="IPv4",
                 ports=[{"name": "http", "port": self.upstream.port, "protocol": "TCP"}],
                 endpoints=[{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}])

    def gateway(self, name, number):
        """A port of the gateway."""
        self.put(ISTIO, "Gateway", name, "istio-system", spec={
            "selector": {"istio": "ingressgateway"}, "servers": [
                {"port": {"number": number, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]})

    def routes(self, name="main", service="a", host=HOST):
        """Routes of a host to a service, under a new name, which is returned."""
        self.edits += 1
        marker = "edit-%d" % self.edits
        self.put(ISTIO, "VirtualService", name, "istio-system", spec={
            "hosts": [host], "gateways": [name], "http": [
                {"name": marker, "route": [{"destination": {"host": service}}]}]})
        return marker

    def rule(self, service, **policy):
        """The policy of a service's cluster."""
        self.put(ISTIO, "DestinationRule", service, "istio-system", spec={
            "host": service, "trafficPolicy": policy})

    def follows(self, what):
        """An edited route reaches Envoy, whatever else waits."""
        marker = self.routes()
        wait_until("a route %s" % what, lambda: self.admin.has_route(marker), 30)

    def state(self):
        """How clusters stand at /debug/syncz."""
        rows = self.daemon.json("/debug/syncz")
        return rows[0]["resources"][adsclient.TYPES["cds"]]["status"] if rows else ""

    def cluster(self, name):
        """The active cluster of a service."""
        return self.admin.cluster("outbound|80||%s.istio-system.svc.cluster.local" % name)

    def __enter__(self):
        self.daemon.start()
        token = os.path.join(self.folder, "token.yaml")
        subprocess.run([os.path.join(paths.ROOT, "config", "envoy", "token.sh"),
                        self.daemon.token("istio-system", "gateway"), token], check=True)
        command = [paths.RUN_ENVOY, "gateway", "--xds", self.daemon.secure, "--token", token,
                   "--roots", self.daemon.roots(), "--service-account", "gateway",
                   "--protocol", self.protocol, "--admin", "%s:%d" % self.admin.address,
                   "--envoy", paths.envoy(), "--", "--concurrency", "1",
                   "--disable-hot-restart", "--log-level", "warning"]
        self.envoy = Child("envoy", command, os.path.join(self.folder, "envoy.log"))
        wait_until("a live Envoy", self.admin.ready, 60)
        wait_until("its route", lambda: self.admin.has_route("edit-%d" % self.edits), 30)
        return self

    def __exit__(self, *_):
        if self.envoy:
            self.envoy.stop()
        self.daemon.close()
        self.upstream.close()


def _same_endpoints(g):
    """A cluster changes and keeps its endpoints: it warms, and takes over."""
    g.rule("a", connectionPool={"tcp": {"connectTimeout": "7s"}})
    wait_until("the changed cluster", lambda: (
        g.cluster("a") or {}).get("connect_timeout") == "7s", 30)
    wait_until("agreement", lambda: g.state() == "SYNCED", 30)


def _missing_secret(g):
    """A cluster waits for a secret that is not there; everything else goes on, and it gets it."""
    g.rule("b", tls={"mode": "SIMPLE", "credentialName": "late", "sni": "b.example"})
    if g.protocol == "sotw":  # over delta the answer that there is none ends the wait
        wait_until("a cluster that warms", lambda: g.state() == "WARMING", 30)
    else:
        wait_until("a cluster without its secret", lambda: "late" in str(g.cluster("b")), 30)
    g.follows("while a secret is missing")
    g.service("c")  # more clusters come meanwhile
    wait_until("a cluster that came later", lambda: g.cluster("c"), 30)
    marker = g.routes(service="c")
    wait_until("a route to it", lambda: g.admin.has_route(marker), 30)
    authority = Authority(os.path.join(g.folder, "late"), "Late Root")
    g.put("v1", "Secret", "late", "istio-system", type="Opaque",
          stringData={"ca.crt": read(authority.certificate)})
    updates = "cluster.outbound|80||b.istio-system.svc.cluster.local;.client_ssl_socket_factory" \
        ".ssl_context_update_by_sds"
    wait_until("the cluster with its secret", lambda: (
        g.admin.stats("b.istio-system.*ssl_context_update_by_sds").get(updates, 0) > 0), 30)
    wait_until("agreement", lambda: g.state() == "SYNCED", 30)


def _refused_cluster(g):
    """Envoy refuses a cluster: that is told, its last version stays, the rest and its repair go on."""
    g.rule("b", tls={"mode": "SIMPLE", "sni": "x" * 300})
    def told():
        nacks = g.daemon.json("/debug/nacks")
        return [n for n in (nacks if isinstance(nacks, list) else nacks["refusals"])
                if n["type"] == "cds" and "outbound|80||b.istio-system.svc.cluster.local" in str(n)]
    nack = wait_until("the refusal", told, 30)[0]
    assert "DestinationRule" in str(nack.get("madeBy")), nack
    assert any(k.startswith("pilot_xds_cds_reject") and v for k, v in g.daemon.metrics().items())
    assert "ACK ERROR" in read(g.daemon.log), "the log does not tell of it"
    assert "late" in str(g.cluster("b")), "the last good version went"
    g.follows("after a refused cluster")
    g.rule("b", connectionPool={"tcp": {"connectTimeout": "6s"}})
    wait_until("the repaired cluster", lambda: (
        g.cluster("b") or {}).get("connect_timeout") == "6s", 30)
    wait_until("agreement", lambda: g.state() == "SYNCED", 30)


def _listener_drains(g):
    """A listener, its routes and its cluster go at once; a request under way is answered."""
    g.service("d")
    g.gateway("other", 81)
    marker = g.routes("other", "d", "d.example")
    wait_until("the other listener's route", lambda: g.admin.has_route(marker), 30)
    connection = http.client.HTTPConnection("127.0.0.1", g.other_port, timeout=60)
    wait_until("the other listener", lambda: _reached(g.other_port), 30)
    with concurrent.futures.ThreadPoolExecutor(1) as one:
        answer = one.submit(_get, connection, "/slow", "d.example")
        assert g.upstream.asked.wait(30), "the slow request never came"
        for kind, name in (("Gateway", "other"), ("VirtualService", "other"),
                           ("Service", "d"), ("EndpointSlice", "d")):
            g.config.remove(kind, name, "istio-system")
        wait_until("a listener less", lambda: g.admin.stat(
            "listener_manager.total_listeners_active") == 1, 30)
        assert g.cluster("d"), "the cluster went with its listener, before it was drained"
        g.upstream.release.set()
        status = answer.result(60)
    assert status == 200, status
    connection.close()
    wait_until("a cluster less", lambda: not g.cluster("d"), 60)


def _reached(port):
    try:
        return _get(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/", "d.example") == 200
    except OSError:
        return False


def _play(start, protocol):
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, \
            Gateway(start, folder, protocol) as g:
        wait_until("a first answer", lambda: _main_answers(g.port), 30)
        visitor = Visitor(g.port)
        try:
            for part in (_same_endpoints, _missing_secret, _refused_cluster, _listener_drains):
                try:
                    part(g)
                except Exception as error:
                    raise AssertionError("%s, %s: %s: %s" % (
                        protocol, part.__name__, type(error).__name__, error)) from error
        finally:
            visitor.done.set()
        visitor.end()
        repairs = [v for k, v in g.daemon.metrics().items() if k.startswith("navarch_state_rep")]
        assert not any(repairs), "the server repaired itself"


def _main_answers(port):
    try:
        return _get(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/") == 200
    except OSError:
        return False


def test_nothing_freezes_an_envoy(start):
    """Missing secrets, refused and changed clusters, and draining listeners stop no other change"""
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        list(both.map(lambda protocol: _play(start, protocol), ["delta", "sotw"]))
