# SPDX-License-Identifier: Apache-2.0
"""Who the daemon is at an API server: certificates, tokens that rotate, programs; and whom it believes."""
import json
import os
import socket
import stat
import tempfile
import time
import urllib.request

import adsclient
from cluster import Cluster
from kubeapi.request import User
from mesh.client import wait_until
from mesh.config import to

MASTERS = "system:masters"
#: Prints the token of a file as an ExecCredential that is good for some seconds, and counts its runs.
PROGRAM = """#!/bin/sh
case "$KUBERNETES_EXEC_INFO" in *'"kind":"ExecCredential"'*) ;; *) exit 3;; esac
echo run >> "$1/runs"
[ "$GREETING" = hello ] || exit 4
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
printf '"status":{"token":"%s","expirationTimestamp":"%s"}}' "$(cat "$1/token")" \\
  "$(date -u -d "+$(cat "$1/seconds") seconds" +%Y-%m-%dT%H:%M:%SZ)"
"""


def _users(cluster):
    """Who asked for services, in order."""
    return [r.user.name for r in list(cluster.server.api.requests)
            if r.path.endswith("/services")]


def _serves(daemon, cluster, subset="v3"):
    """Whether an edit at the API server reaches a client."""
    with adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        cluster.server.load(json.dumps({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "reviews", "namespace": "default"},
            "spec": {"hosts": ["reviews"], "http": [{"route": [to("reviews", subset)]}]}}))
        client.wait("the edit", lambda c: "|%s|reviews" % subset in str(
            c.resources["rds"].get("9080", "")))


class Guarded(Cluster):
    """An API server that asks who asks; the test itself is an administrator by a token."""

    def __init__(self, **options):
        super().__init__(enforce=True, **options)
        self.allow("admin", "admin")

    def allow(self, token, name):
        """A token of an administrator of this name."""
        self.server.api.access.tokens[token] = (User(name, (MASTERS,)), [])

    def forbid(self, token):
        """The token is nobody's any more."""
        self.server.api.access.tokens.pop(token, None)

    def fake(self, method, name, body=None):
        """A page for tests, in process: it needs no token."""
        with self.server.store.changed:
            assert (method, name) == ("POST", "close-watches")
            self.server.store.epoch += 1
            self.server.store.changed.notify_all()
        return None


def test_client_certificate(start):
    """A client certificate proves who the daemon is; over HTTP/2 all watches share few connections"""
    with Guarded(tls=True) as cluster:
        certificate, key = cluster.server.client_certificate("istiod", MASTERS)
        config = cluster.server.kubeconfig(user={
            "client-certificate": certificate, "client-key": key})
        with start(kubeconfig=config) as daemon:
            _serves(daemon, cluster)
            assert set(_users(cluster)) == {"istiod"}, _users(cluster)
            assert len(cluster.server.listener.connections) <= 4, (
                "%d connections" % len(cluster.server.listener.connections))


def test_one_connection(start):
    """Over TLS all that a daemon asks, writes and holds at an API server goes over one connection"""
    with Guarded(tls=True) as cluster:
        cluster.allow("istiod", "istiod")
        config = cluster.server.kubeconfig(token="istiod")
        seen = []
        serve = cluster.server.listener._serve
        def counting(*arguments):
            seen.append(arguments)
            serve(*arguments)
        cluster.server.listener._serve = counting
        with start(kubeconfig=config, environment={"PILOT_ENABLE_ANALYSIS": "true"}) as daemon:
            _serves(daemon, cluster)
            def leads():
                return [v for k, v in daemon.metrics().items() if "navarch_leader" in k]
            wait_until("three writers that lead", lambda: leads() == [1, 1, 1], 30)
            page = urllib.request.Request(
                "http://%s:%d/debug/syncz" % daemon.http,
                headers={"Authorization": "Bearer istiod", "X-Forwarded-For": "1.2.3.4"})
            urllib.request.urlopen(page, timeout=20).read()
            watches = {r.path for r in cluster.server.api.requests if r.verb == "watch"}
            assert len(watches) > 20, watches
            assert len(seen) == 1, "%d connections" % len(seen)


def test_request_budget(start):
    """--kubernetesApiQPS and --kubernetesApiBurst bound what a daemon asks, all its parts together"""
    rate, burst = 10.0, 5
    with Cluster() as cluster:
        began = time.monotonic()
        with start(kubeconfig=cluster.config, arguments=[
                "--kubernetesApiQPS", "%g" % rate, "--kubernetesApiBurst", "%d" % burst]):
            asked = [r for r in cluster.fake("GET", "requests") if r["userAgent"] == "navarchd"
                     and "/leases" not in r["path"] and "istio-" not in r["path"].rsplit("/", 1)[-1]]
            passed = time.monotonic() - began
        assert len(asked) > 20, asked
        assert len(asked) <= burst + rate * passed, "%d requests in %.2f s" % (len(asked), passed)


def test_impostor(start):
    """A server whose certificate is of another authority is not believed, and not asked all the time"""
    with Cluster(tls=True) as cluster, Cluster(tls=True) as other:
        with open(cluster.config) as file:
            config = json.load(file)
        config["clusters"][0]["cluster"]["server"] = other.server.address
        with open(cluster.config, "w") as file:
            json.dump(config, file)
        tries = []
        serve = other.server.listener._serve
        def counting(*arguments):
            tries.append(time.monotonic())
            serve(*arguments)
        other.server.listener._serve = counting
        daemon = start(kubeconfig=cluster.config).launch()
        try:
            wait_until("a word about the certificate", lambda: "certificate" in open(
                daemon.log).read(), 30)
            assert not _users(other), "it asked all the same"
            wait_until("five seconds of tries", lambda: tries[-1] - tries[0] > 5, 30)
            # Of each kind that is read the first, and one each after 0.8 s, 2.4 s at least.
            early = [t for t in tries if t - tries[0] <= 5]
            assert len(early) <= 150, "%d tries in 5 s" % len(early)
        finally:
            daemon.close()


def test_token_file_rotates(start):
    """A token's file is read anew, so that a token that ends is replaced without a word"""
    for tls in (False, True):
        _rotates(start, tls)


def _rotates(start, tls):
    with tempfile.TemporaryDirectory() as folder, Guarded(tls=tls) as cluster:
        path = os.path.join(folder, "token")
        def rotate(token):
            cluster.allow(token, "of-" + token)
            with open(path + ".new", "w") as file:
                file.write(token + "\n")
            os.rename(path + ".new", path)
        rotate("first")
        config = cluster.server.kubeconfig(user={"tokenFile": path})
        with start(kubeconfig=config) as daemon:
            _serves(daemon, cluster, "v3")
            rotate("second")
            cluster.forbid("first")
            cluster.fake("POST", "close-watches")
            wait_until("the second token", lambda: "of-second" in _users(cluster), 30)
            _serves(daemon, cluster, "v1")
            assert daemon.page("/ready").status == 200


def test_ipv6(start):
    """An API server at an IPv6 address is reached, by TLS"""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return print("      this machine has no IPv6", flush=True)
    with Cluster(tls=True, host="::1") as cluster:
        with open(cluster.config) as file:
            assert "https://[::1]:" in file.read()
        with start(kubeconfig=cluster.config) as daemon:
            _serves(daemon, cluster)


def test_credentials_of_a_program(start):
    """A program's credentials are refused unless allowed; then it is run again when they end"""
    with tempfile.TemporaryDirectory() as folder, Guarded() as cluster:
        def say(name, text):
            with open(os.path.join(folder, name + ".new"), "w") as file:
                file.write(text)
            os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))
        def runs():
            with open(os.path.join(folder, "runs")) as file:
                return len(file.readlines())
        say("program", PROGRAM)
        os.chmod(os.path.join(folder, "program"), stat.S_IRWXU)
        config = os.path.join(folder, "config")
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./program",
                         "args": [folder], "interactiveMode": "IfAvailable",
                         "env": [{"name": "GREETING", "value": "hello"}]}}
        cluster.server.kubeconfig(config, user=user)
        refused = start(kubeconfig=config).launch()
        try:
            wait_until("its end", lambda: not refused.child.running, 30)
            with open(refused.log) as file:
                assert "--kubeconfigExec" in file.read()
            assert not os.path.exists(os.path.join(folder, "runs")), "it was run"
        finally:
            refused.close()
        cluster.allow("token-first", "of-first")
        say("token", "token-first")
        say("seconds", "3600")
        with start(kubeconfig=config, arguments=["--kubeconfigExec"]) as daemon:
            _serves(daemon, cluster, "v3")
            assert runs() < 10, "%d runs for one credential" % runs()  # one for each client
            # One that the server takes no longer, before its time.
            cluster.allow("token-second", "of-second")
            say("token", "token-second")
            say("seconds", "1")
            cluster.forbid("token-first")
            cluster.fake("POST", "close-watches")
            wait_until("the second", lambda: "of-second" in _users(cluster), 60)
            # One whose time is over.
            cluster.allow("token-third", "of-third")
            say("token", "token-third")
            time.sleep(1.1)  # the clock's own second
            cluster.fake("POST", "close-watches")
            wait_until("the third", lambda: "of-third" in _users(cluster), 60)
            _serves(daemon, cluster, "v1")
            with open(daemon.log) as file:
                assert "token-" not in file.read(), "the log shows a token"
