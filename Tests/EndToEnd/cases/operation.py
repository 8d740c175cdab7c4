# SPDX-License-Identifier: Apache-2.0
"""What an operator relies on: broken files, pages, and the end."""
import contextlib
import json
import os
import signal

import adsclient
from mesh import netns
from mesh.client import wait_until
from mesh.config import to


def _reviews_to(client, subset):
    cluster = "outbound|9080|%s|reviews.default.svc.cluster.local" % subset
    return cluster in str(client.resources["rds"].get("9080", ""))


def _breaks(start, text, expected):
    """A file becomes `text`: the last good version serves on, and every expected word is shown."""
    with start() as daemon, adsclient.Client(daemon.ads, delta=True) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        daemon.config.virtual_service("reviews", [{"route": [to("reviews", "v2")]}])
        client.wait("the route to v2", lambda c: _reviews_to(c, "v2"))
        path = daemon.config.path(("VirtualService", "default", "reviews"))
        before = daemon.metrics()
        daemon.config.write_text(path, text)
        def shown():
            body = daemon.page("/debug/configz").body
            return all(word in body for word in (os.path.basename(path), *expected))
        wait_until("%s at /debug/configz" % (expected,), shown, 30)
        wait_until("a metric that moved", lambda: _moved(before, daemon.metrics()), 30)
        assert _reviews_to(client, "v2"), "the last good version is no longer served"
        with adsclient.Client(daemon.ads) as late:  # and a new client is served it as well
            late.start().wait("the last good route", lambda c: _reviews_to(c, "v2"))
        daemon.config.virtual_service("reviews", [{"route": [to("reviews", "v3")]}])
        client.wait("the repaired route", lambda c: _reviews_to(c, "v3"))
        wait_until("a clean /debug/configz", lambda: not shown(), 30)


def _moved(before, after):
    """Metrics of configuration that grew."""
    words = ("config", "object", "diagnostic", "validation", "invalid", "error")
    return [k for k, v in after.items() if v > before.get(k, 0)
            and any(w in k for w in words) and not k.startswith(("process_", "pilot_xds"))]


def test_broken_yaml_keeps_last_good(start):
    """YAML that does not parse: last good version, page, metric, and repair"""
    _breaks(start, "kind: VirtualService\nspec: [unclosed\n", ())


def test_unknown_field_keeps_last_good(start):
    """A field that does not exist: last good version, and its path is shown"""
    _breaks(start, """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
    timeuot: 3s
""", ("timeuot",))


def test_data_symlink_swap(start):
    """A mounted volume's ..data symlink is swapped: all of it changes at once"""
    import tempfile
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        from mesh.config import ConfigDirectory
        for number in ("1", "2"):
            config = ConfigDirectory(os.path.join(folder, ".." + number))
            config.load_samples()
            config.virtual_service("reviews", [{"route": [to("reviews", "v" + number)]}])
        os.symlink("..1", os.path.join(folder, "..data"))
        for name in os.listdir(os.path.join(folder, "..1")):
            os.symlink(os.path.join("..data", name), os.path.join(folder, name))
        with start(config_dir=folder) as daemon, adsclient.Client(daemon.ads) as client:
            client.start().wait("the first route", lambda c: _reviews_to(c, "v1"))
            os.symlink("..2", os.path.join(folder, "..next"))
            os.rename(os.path.join(folder, "..next"), os.path.join(folder, "..data"))
            client.wait("the second route", lambda c: _reviews_to(c, "v2"))


def test_pages(start):
    """The pages of both ports answer, in JSON where they should"""
    with start() as daemon, adsclient.Client(daemon.ads) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        assert daemon.page("/debug").status == 200, "/debug has no index"
        for page in ("syncz", "registryz", "endpointz", "configz", "adsz", "mesh", "push_status", "pushes", "nacks",
                     "connections"):
            daemon.json("/debug/" + page)
        wait_until("the proxy in syncz", lambda: "productpage-v1.default" in json.dumps(
            daemon.json("/debug/syncz")), 30)
        assert "10.244.2.16" in json.dumps(daemon.json("/debug/endpointz")), "endpoints of ratings"
        dump = daemon.json("/debug/config_dump?proxyID=productpage-v1.default")
        assert "outbound|9080|v1|reviews" in json.dumps(dump), "clusters in config_dump"
        assert daemon.page("/version", monitoring=True).status == 200, "/version"
        metrics = daemon.metrics()
        assert any(k.startswith("pilot_xds") for k in metrics), "no pilot_xds metric"
        assert not any(k.startswith("go_") for k in metrics), "a go_ metric"


def _ends(start, clients, number, arguments=()):
    with start(arguments=["--shutdownDuration", "2s", *arguments]) as daemon:
        streams = [adsclient.Client(daemon.ads, delta=d).start() for d in clients]
        for stream in streams:
            stream.wait("full answer", adsclient.Client.complete)
        daemon.child.signal(number)
        status = daemon.child.process.wait(10)
        for stream in streams:
            wait_until("the end of a stream", lambda s=stream: s.ended, 5)
            stream.close()
    assert status == 0, "it ended with status %d" % status


def test_sigterm_ends_in_time(start):
    """SIGTERM ends it within --shutdownDuration, with streams open, with status 0"""
    _ends(start, [False, True], signal.SIGTERM)


def test_sigint_ends_in_time(start):
    """Ctrl-C does the same, with nobody connected"""
    _ends(start, [], signal.SIGINT)


def _listening(pid, port):
    """Addresses, as /proc has them, on which a process's network namespace listens on a port."""
    found = []
    for table in ("tcp", "tcp6"):
        with open("/proc/%d/net/%s" % (pid, table)) as lines:
            rows = [line.split() for line in lines][1:]
        found += [row[1].split(":")[0] for row in rows
                  if row[3] == "0A" and row[1].endswith(":%04X" % port)]
    return found


@contextlib.contextmanager
def _own_network():
    """A network namespace where every port is free; without root, this machine's network."""
    if netns.usable():
        yield None
        return
    name = "%s%d-test" % (netns.PREFIX, os.getpid())
    netns.ip("netns", "add", name)
    try:
        netns.ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        netns.remove(name)


def test_plaintext_port_is_on_loopback(start):
    """Without --grpcAddr the plaintext port listens on loopback, with --grpcAddr :PORT on all"""
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    with _own_network() as network:
        with start(grpc_address=None, namespace=network) as daemon:
            seen = _listening(daemon.child.process.pid, 15010)
            assert seen and set(seen) <= loopback, "by default it listens on %s" % (seen or "none")
        with start(grpc_address=":15010", namespace=network) as daemon:
            seen = _listening(daemon.child.process.pid, 15010)
            assert seen and not set(seen) & loopback, "with :15010 it listens on %s" % seen
