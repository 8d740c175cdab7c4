# SPDX-License-Identifier: Apache-2.0
"""The mesh's root is changed step by step, under mTLS between workloads that renew as they like."""
import contextlib
import json
import os
import ssl
import subprocess
import tempfile
import threading

import adsclient
import certificates
from certificates import openssl, read
from mesh.client import wait_until

from .identity import create

GATEWAY, SIDECAR = "gateway", "bookinfo-productpage"
NODES = {
    (GATEWAY, "istio-system"): adsclient.GATEWAY, (SIDECAR, "default"): adsclient.SIDECAR,
    ("gone", "default"): "sidecar~10.244.1.30~gone.default~default.svc.cluster.local"}

#: Workloads here put a certificate into use at once, and connect again as soon as they can.
PACE = {"NAVARCH_CA_ROTATION_SETTLE": "4s", "NAVARCH_CA_ROTATION_RETURN": "4s"}


class Workload:
    """A service account with a key, a certificate that it renews, and the roots that came with it."""

    def __init__(self, folder, daemon, account, namespace):
        self.folder = os.path.join(folder, account)
        os.makedirs(self.folder)
        self.daemon, self.account, self.namespace = daemon, account, namespace
        request, self.key = certificates.request(self.folder)
        self.request = read(request).encode()
        self.token = daemon.token(namespace, account)
        self.roots = os.path.join(self.folder, "roots.pem")
        with open(self.roots, "w") as file:
            file.write(read(daemon.roots()))
        self.contexts, self.renewals, self.chain, self.stream = None, 0, None, None

    def connect(self):
        """Opens a stream of ADS, as the Envoy of the workload has one."""
        node = NODES[self.account, self.namespace]
        metadata = dict(adsclient.METADATA.get(node, {"NAMESPACE": self.namespace}),
                        SERVICE_ACCOUNT=self.account)
        self.stream = adsclient.Client(self.daemon.secure, node, metadata, roots=self.roots,
                                       token=self.token)
        self.stream.subscribe("cds")
        self.stream.wait("clusters", lambda c: c.responses["cds"])

    def disconnect(self):
        if self.stream:
            self.stream.close()

    def renew(self):
        """Takes a new certificate and its roots into use; nothing where the control plane is away."""
        chain = create(self.daemon, self.request, 600, roots=self.roots, token=self.token)
        if not isinstance(chain, list):
            return
        leaf = os.path.join(self.folder, "leaf.pem")
        for path, text in ((leaf, "".join(chain[:-1])), (self.roots, chain[-1])):
            with open(path + ".new", "w") as file:
                file.write(text)
            os.rename(path + ".new", path)
        contexts = []
        for side in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
            context = ssl.SSLContext(side)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(leaf, self.key)
            context.load_verify_locations(self.roots)
            contexts.append(context)
        self.contexts, self.chain = contexts, chain
        self.renewals += 1


def handshake(server, client):
    """One mTLS handshake in memory; raises where either side does not trust the other."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.contexts[1].wrap_bio(down, up),
             server.contexts[0].wrap_bio(up, down, server_side=True)]
    pending = list(sides)
    for _ in range(10):
        for side in list(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not pending:
            break
    assert not pending, "the handshake does not end"
    # Over TLS 1.3 the client hears last whether its certificate is taken.
    sides[1].write(b"x")
    assert sides[0].read(1) == b"x"


class Loop(threading.Thread):
    """Does something again and again until it is ended, and remembers the first error."""

    def __init__(self, action):
        super().__init__(daemon=True)
        self.action, self.done, self.count, self.error = action, threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            while not self.done.is_set():
                self.action()
                self.count += 1
        except Exception as error:  # told by end()
            self.error = error

    def end(self):
        """How often it was done; fails where it failed."""
        self.done.set()
        self.join(60)
        if self.error:
            raise AssertionError("after %d times: %r" % (self.count, self.error))
        return self.count


@contextlib.contextmanager
def _running(*actions):
    loops = [Loop(action) for action in actions]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.done.set()


def _control(daemon, *words, fails=False):
    done = subprocess.run([daemon.control, "ca", "rotate", *words, "--istiod",
                           "http://127.0.0.1:%d" % daemon.http[1]],
                          capture_output=True, text=True, timeout=180)
    assert (done.returncode != 0) == fails, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def _serial(pem):
    return openssl("x509", "-noout", "-serial", given=pem).strip()


def _page(daemon):
    return daemon.json("/debug/ca_rotation")


def test_the_root_changes_under_traffic(start):
    """ca rotate: both roots, wait, sign, wait, retire; a restart between; no handshake fails"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, \
            start(environment=PACE) as daemon:
        old = read(daemon.roots())
        first, second, gone = (Workload(folder, daemon, *who) for who in NODES)
        for workload in (first, second, gone):
            workload.renew()
            workload.connect()
        with _running(lambda: handshake(first, second), lambda: handshake(second, first),
                      first.renew, second.renew) as loops:
            try:
                text = _control(daemon, "start")
                assert "distributing" in text, text
                wait_until("both to know", lambda: _page(daemon)["waiting"] == ["gone.default"], 60)
                refused = _control(daemon, "next", fails=True)
                assert "waits for gone.default" in refused and "first" not in refused, refused
                assert len(read(first.roots).split("BEGIN CERT")) == 3, "not both roots"
                _control(daemon, "exclude", "gone.default")
                wait_until("the step to be free", lambda: not _page(daemon)["returning"], 60)
                assert "signing" in _control(daemon, "next")
                # It goes on where it stood.
                for workload in (first, second, gone):
                    workload.disconnect()
                daemon.child.stop(15)
                daemon.start()
                assert _page(daemon)["phase"] == "signing"
                for workload in (first, second):
                    workload.connect()
                assert "finished" in _control(daemon)
                page = _page(daemon)
                assert (page["phase"], len(page["roots"])) == ("none", 1), page
                renewed = [first.renewals, second.renewals]
                wait_until("more renewals", lambda: first.renewals > renewed[0] + 1
                           and second.renewals > renewed[1] + 1, 60)
            finally:
                for workload in (first, second, gone):
                    workload.disconnect()
            counts = [loop.end() for loop in loops]
        assert min(counts[:2]) > 20, counts
        new = read(daemon.roots())
        assert _serial(new) != _serial(old) and read(first.roots) == new == read(second.roots)
        openssl("verify", "-CAfile", first.roots, os.path.join(second.folder, "leaf.pem"))
        log = read(daemon.log)
        keys = [line for line in read(os.path.join(daemon.state, "ca", "ca-key.pem")).splitlines()
                if "-----" not in line]
        assert not any(line in log for line in keys), "the log shows the authority's key"


def test_a_change_of_the_root_is_taken_back(start):
    """ca rotate abort: the old root signs again, and the new one is trusted until nobody has it"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, \
            start(environment=PACE) as daemon:
        old = read(daemon.roots())
        first, second = (Workload(folder, daemon, *who) for who in list(NODES)[:2])
        for workload in (first, second):
            workload.renew()
            workload.connect()
        with _running(lambda: handshake(first, second), first.renew, second.renew) as loops:
            try:
                _control(daemon, "start")
                _control(daemon, "abort")
                assert _page(daemon)["phase"] == "none"
                _control(daemon, "start")
                wait_until("both to know", lambda: not _page(daemon)["waiting"]
                           and not _page(daemon)["returning"], 60)
                _control(daemon, "next")
                wait_until("both to have it", lambda: not _page(daemon)["waiting"], 60)
                assert "reverting" in _control(daemon, "abort")
                _control(daemon, "abort", fails=True)
                assert "finished" in _control(daemon)
            finally:
                for workload in (first, second):
                    workload.disconnect()
            counts = [loop.end() for loop in loops]
        assert counts[0] > 10, counts
        assert json.dumps(_page(daemon)["roots"]).count("serial") == 1
        assert read(daemon.roots()) == old
