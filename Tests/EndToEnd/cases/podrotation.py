# SPDX-License-Identifier: Apache-2.0
"""The mesh's root is changed while pods with agents and real Envoys speak mutual TLS."""
import concurrent.futures
import json
import os
import signal
import subprocess
import threading
import time

from certificates import field, openssl
from mesh import client, netns
from mesh.processes import stop_all

from .mtls import SERVICES, SPIFFE, AgentBox, shown_chain

#: `gone` is stopped while the roots are distributed, as a proxy on a node that hangs.
ADDRESSES = {"web": "10.244.1.30", "client": "10.244.1.31", "gone": "10.244.1.35"}
#: What Envoy counts for handshakes that do not come about, whoever is at fault.
FAILURES = ("ssl.connection_error", "ssl.fail_verify_error", "ssl.fail_verify_no_cert",
            "ssl.fail_verify_san")

SETTLE = "NAVARCH_CA_ROTATION_SETTLE=4s"


class RotatingBox(AgentBox):
    """Two pods that speak, one of which hears of the roots over PCDS, and one that hangs."""

    pod_addresses, service_addresses, pod_accounts = ADDRESSES, {"web": SERVICES["web"]}, {}

    def daemon_arguments(self):
        # One that hangs must count as connected until it is excluded, however slow the machine is.
        return [*super().daemon_arguments(), "--keepaliveInterval", "1h"]

    def variables(self, pod):
        return {"PROXY_CONFIG_XDS_AGENT": "true"} if pod.app == "web" else {}

    #: How long proxies that are away are waited for. Before the restart none is away.
    patience = "4s"

    def spawn(self, name, command, namespace, user):
        if name == "navarchd":
            command = ["env", SETTLE, "NAVARCH_CA_ROTATION_RETURN=" + self.patience, *command]
        return super().spawn(name, command, namespace, user)

    def restart_daemon(self):
        """Another run of the control plane over the same state."""
        self.daemon.stop(15)
        self.children.remove(self.daemon)
        self.patience = "40s"  # an Envoy whose stream has ended asks again after half a minute at most
        self.start_daemon()

    def rotate(self, *words, fails=False):
        """What a step of `navarchctl ca rotate` says; the roots follow it to the agents' files."""
        program = os.path.join(os.path.dirname(self.navarchd), "navarchctl")
        done = subprocess.run(
            ["ip", "netns", "exec", self.home, program, "ca", "rotate", *words, "--istiod",
             "http://127.0.0.1:8080"], capture_output=True, text=True, timeout=240)
        assert (done.returncode != 0) == fails, (words, done.stdout, done.stderr)
        self.spread_roots()
        return done.stdout + done.stderr

    def page(self):
        """How far the rotation is."""
        answer = client.get(self.home, self.http, "/debug/ca_rotation")
        return json.loads(answer.body) if answer.status == 200 else {"waiting": [answer.body]}

    def trusted(self, app):
        """The serial numbers of the roots that a pod's Envoy trusts."""
        return {root["serial_number"].lstrip("0") for entry in
                self.admin(self.pod(app)).json("/certs").get("certificates", [])
                for root in entry.get("ca_cert", [])}

    def failures(self):
        """The handshakes that failed at either Envoy, by counter."""
        counted = {(app, name): count for app in ("web", "client") for name, count in
                   self.admin(self.pod(app)).stats("ssl").items() if name.endswith(FAILURES)}
        assert len({app for app, _ in counted}) == 2, "an Envoy counts no handshakes: %s" % counted
        return {key: count for key, count in counted.items() if count}

    def hang(self, app):
        """Stops a pod's agent and its Envoy where they are: connected, and silent."""
        os.killpg(self.pod(app).children[0].process.pid, signal.SIGSTOP)

    def close(self, keep_logs=False):
        for pod in self.pods.values():
            if pod.app == "gone" and pod.children and pod.children[0].running:
                os.killpg(pod.children[0].process.pid, signal.SIGCONT)
                stop_all(pod.children)
        super().close(keep_logs)


class OpenLoop(threading.Thread):
    """Asks `web` from `client` at a steady rate, whatever becomes of the requests before."""

    INTERVAL = 0.1

    def __init__(self, box):
        super().__init__(daemon=True)
        self.box, self.done, self.asked = box, threading.Event(), []
        self.pool = concurrent.futures.ThreadPoolExecutor(64)
        self.start()

    def run(self):
        due = time.monotonic()
        while not self.done.wait(max(0, due - time.monotonic())):
            self.asked.append(self.pool.submit(
                self.box.get, "client", (SERVICES["web"], 80), 60))
            due += self.INTERVAL

    def end(self):
        """The number of requests; fails where any was not answered by `web` to `client`."""
        self.done.set()
        self.join()
        answers = [asked.result(120) for asked in self.asked]
        failed = [(n * self.INTERVAL, a.status, a.body) for n, a in enumerate(answers)
                  if a.status != 200 or "URI=%sclient" % SPIFFE not in a.body]
        assert not failed, "%d of %d requests failed, the first (seconds, status, words) %s" % (
            len(failed), len(answers), failed[0])
        return len(answers)

    def stop(self):
        """Asks no more."""
        self.done.set()
        self.pool.shutdown(wait=False, cancel_futures=True)


def _serial(pem):
    return field(pem, "-serial").partition("=")[2].lower().lstrip("0")


def _change_root(box):
    """Every step of a rotation, with a proxy that hangs and a restart in the middle."""
    box.hang("gone")
    assert "distributing" in box.rotate("start")
    client.wait_until("the two to know", lambda: box.page()["waiting"] == ["gone-1.default"], 90)
    refused = box.rotate("next", fails=True)
    assert "waits for gone-1.default" in refused, refused
    for app in ("web", "client"):
        assert len(box.trusted(app)) == 2, "%s trusts %s" % (app, box.trusted(app))
    box.rotate("exclude", "gone-1.default")
    client.wait_until("the step to be free", lambda: not box.page()["returning"], 90)
    assert "signing" in box.rotate("next")
    box.restart_daemon()
    page = box.page()
    assert (page["phase"], page["excluded"]) == ("signing", ["gone-1.default"]), page
    assert "finished" in box.rotate()
    page = box.page()
    assert (page["phase"], len(page["roots"])) == ("none", 1), page


def test_the_root_changes_while_pods_speak(start):
    """ca rotate under an open loop of mTLS requests: restart, exclusion; no request, no handshake fails"""
    problem = netns.usable()
    if problem:
        print("      (without network namespaces here, this case is not played: %s)" % problem)
        return
    box = RotatingBox(start.program, "60s", "0.95")
    loop = None
    try:
        box.start()
        address = (SERVICES["web"], 80)
        client.wait_until("an answer", lambda: box.get("client", address).status == 200, 30)
        old, before = _serial(box.navarchctl("ca", "root")), box.failures()
        loop = OpenLoop(box)
        _change_root(box)
        new = _serial(box.navarchctl("ca", "root"))
        assert new != old
        for app in ("web", "client"):
            client.wait_until("%s to trust the new root alone" % app,
                              lambda app=app: box.trusted(app) == {new}, 60)
        asked = len(loop.asked)
        client.wait_until("requests after that", lambda: len(loop.asked) > asked + 20, 60)
        assert loop.end() > 100
        assert box.failures() == before, (before, box.failures())
        for app in ("web", "client"):
            chain, text = shown_chain(box, app)
            assert chain and "Verify return code: 0 (ok)" in text, text
            openssl("verify", "-CAfile", box.roots, given=chain[0])
    finally:
        if loop:
            loop.stop()
        box.close(keep_logs=bool(os.environ.get("KEEP_LOGS")))
