# SPDX-License-Identifier: Apache-2.0
"""gRPC applications without a proxy: their library (grpcio, xds:///) asks the control plane."""
import contextlib
import json
import os
import subprocess
import sys
import tempfile

from mesh.client import wait_until
from mesh.config import to
from mesh.ports import free_ports

HOST = "echo.default.svc.cluster.local"
APP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "grpc_app.py")
SUBSETS = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]


class App:
    """One application, as a process of its own, by a bootstrap for gRPC's xDS."""

    def __init__(self, settings, arguments):
        self.process = subprocess.Popen(
            [sys.executable, APP, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=dict(
                os.environ, GRPC_VERBOSITY="NONE", GRPC_XDS_BOOTSTRAP_CONFIG=settings))

    def line(self):
        """What it prints next."""
        return self.process.stdout.readline().strip()

    def ask(self, metadata=""):
        """One call's answer."""
        self.process.stdin.write(metadata + "\n")
        self.process.stdin.flush()
        return self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def bootstrap(daemon, address, name, certificates=None):
    """What Istio's agent writes for a gRPC application, as text."""
    config = {
        "xds_servers": [{"server_uri": daemon.ads, "channel_creds": [{"type": "insecure"}],
                         "server_features": ["xds_v3"]}],
        "node": {"id": "sidecar~%s~%s.default~default.svc.cluster.local" % (address, name),
                 "metadata": {"GENERATOR": "grpc", "NAMESPACE": "default",
                              "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.30.3"}},
        "server_listener_resource_name_template": "xds.istio.io/grpc/lds/inbound/%s"}
    if certificates:
        config["certificate_providers"] = {"default": {
            "plugin_name": "file_watcher",
            "config": {"certificate_file": certificates + "/cert.pem",
                       "private_key_file": certificates + "/key.pem",
                       "ca_certificate_file": certificates + "/cert.pem",
                       "refresh_interval": "60s"}}}
    return json.dumps(config)


def pod(name, address, port, secure):
    """A Pod of the service, of the version that its name ends in."""
    labels = {"app": "echo", "version": name.split("-")[1]}
    if secure:
        labels["security.istio.io/tlsMode"] = "istio"
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"serviceAccountName": "echo", "containers": [
                {"name": "app", "image": "x", "ports": [{"containerPort": port}]}]},
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                       "conditions": [{"type": "Ready", "status": "True"}]}}


def add_service(config, port, secure=False):
    """The service `echo` with two Pods on loopback addresses."""
    pods = {"echo-v1": "127.0.1.1", "echo-v2": "127.0.1.2"}
    config.put({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "echo", "namespace": "default"},
                "spec": {"clusterIP": "10.96.77.1", "selector": {"app": "echo"}, "ports": [
                    {"name": "grpc", "port": 7070, "targetPort": port, "protocol": "TCP"}]}})
    config.put({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": "echo", "namespace": "default",
                             "labels": {"kubernetes.io/service-name": "echo"}},
                "addressType": "IPv4",
                "ports": [{"name": "grpc", "port": port, "protocol": "TCP"}],
                "endpoints": [{"addresses": [address], "conditions": {"ready": True},
                               "targetRef": {"kind": "Pod", "name": name, "namespace": "default"}}
                              for name, address in pods.items()]})
    for name, address in pods.items():
        config.put(pod(name, address, port, secure))
    return pods


@contextlib.contextmanager
def applications(start, certificates=None):
    """The control plane, and a caller of two servers."""
    (port,) = free_ports(1)
    daemon = start()
    pods = add_service(daemon.config, port, secure=bool(certificates))
    with contextlib.ExitStack() as stack:
        stack.enter_context(daemon)
        for name, address in pods.items():
            server = stack.enter_context(App(
                bootstrap(daemon, address, name, certificates),
                ["serve", "%s:%d" % (address, port), name]))
            assert server.line() == "serving", "a server does not serve"
        caller = stack.enter_context(App(
            bootstrap(daemon, "127.0.2.1", "caller", certificates),
            ["call", "xds:///" + HOST + ":7070"]))
        yield daemon, caller


def test_calls_follow_rules(start):
    """grpcio's own xds:/// client calls servers through the control plane, and follows its rules"""
    with applications(start) as (daemon, caller):
        answers = {caller.ask() for _ in range(8)}
        assert answers == {"echo-v1", "echo-v2"}, answers
        daemon.config.destination_rule("echo", {"host": "echo", "subsets": SUBSETS})
        daemon.config.virtual_service("echo", [
            {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to("echo", "v2")]},
            {"route": [to("echo", "v1")]}])
        wait_until("calls to v1 alone", lambda: {caller.ask() for _ in range(4)} == {"echo-v1"})
        assert {caller.ask("end-user=jason") for _ in range(4)} == {"echo-v2"}
        daemon.config.virtual_service("echo", [
            {"fault": {"abort": {"grpcStatus": "ALREADY_EXISTS", "percentage": {"value": 100}}},
             "route": [to("echo", "v1")]}])
        wait_until("aborted calls", lambda: caller.ask().startswith("ALREADY_EXISTS"))


def test_short_names_and_all_servers(start):
    """A short name is found as the application's DNS would find it"""
    with applications(start) as (daemon, _), \
            App(bootstrap(daemon, "127.0.2.1", "caller"),
                ["call", "xds:///echo:7070"]) as caller:
        assert caller.ask().startswith("echo-v"), "no answer by the short name"


def test_mutual_tls(start):
    """Servers take mutual TLS where their Pods say so, and callers speak it where a rule says so"""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/O=x", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
             "subjectAltName=URI:spiffe://cluster.local/ns/default/sa/echo", "-keyout",
             folder + "/key.pem", "-out", folder + "/cert.pem"], check=True, capture_output=True)
        with applications(start, folder) as (daemon, caller):
            assert caller.ask().startswith("UNAVAILABLE"), "a server takes plain text"
            daemon.config.destination_rule(
                "echo", {"host": "echo", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}})
            wait_until("answers over TLS", lambda: caller.ask().startswith("echo-v"))
