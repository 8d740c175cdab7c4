# SPDX-License-Identifier: Apache-2.0
"""The box without root: every pod a loopback address, and Envoys that bind their own ports.

Nothing redirects traffic here. A Sidecar resource for each workload binds the port of the services
at a loopback address of that workload (captureMode NONE); applications send there, and name the
service in Host. The inbound listener stands at the pod's address and passes on to the application.

  127.0.1.P:9080       pod P: the inbound listener of its sidecar
  127.0.0.1:19100+P    its application
  127.0.2.P:9080       every service, as pod P calls them
"""
import os
import socket

from .box import Box
from .config import ISTIO
from .ports import free_ports

APP_PORT, ADMIN_PORT, GATEWAY_PORT, CALLED = 19100, 19200, 18080, 9080


class LoopbackBox(Box):
    """Control plane, Envoys and applications on 127.0.0.0/8 of this machine."""

    captured = False
    mode = "NONE"

    def __init__(self, *arguments, **named):
        self.numbers = {}
        ports = free_ports(5)
        self.ads = "127.0.0.1:%d" % ports[0]
        self.http, self.monitoring = ("127.0.0.1", ports[1]), ("127.0.0.1", ports[2])
        self.more = ["--secureGRPCAddr", "127.0.0.1:%d" % ports[3],
                     "--httpsAddr", "127.0.0.1:%d" % ports[4]]
        super().__init__(*arguments, **named)
        for pod in self.pods.values():
            number = self.numbers[pod.name]
            pod.admin = ("127.0.0.1", ADMIN_PORT + number)
            pod.listen = ("127.0.0.1", APP_PORT + number)

    def daemon_arguments(self):
        return ["--grpcAddr", self.ads, "--httpAddr", "%s:%d" % self.http,
                "--monitoringAddr", "%s:%d" % self.monitoring, *self.more]

    # Configuration.
    def prepare_config(self):
        """Pods get loopback addresses, and each workload a Sidecar."""
        moved = {}
        for number, document in enumerate(self.config.all("Pod"), 1):
            status, name = document["status"], document["metadata"]["name"]
            self.numbers[name] = number
            moved[status["podIP"]] = "127.0.1.%d" % number
            status["podIP"] = moved[status["podIP"]]
            status["podIPs"] = [{"ip": status["podIP"]}]
            self.config.put(document)
        for document in self.config.all("EndpointSlice"):
            for endpoint in document["endpoints"]:
                endpoint["addresses"] = [moved[a] for a in endpoint["addresses"]]
            self.config.put(document)
        for document in self.config.all("Pod"):
            if document["metadata"]["namespace"] == "default":
                self.config.put(self.sidecar(document))

    def via_of_number(self, number):
        """Where a pod's application sends what is for a service."""
        return "127.0.2.%d" % number

    def sidecar(self, document):
        """The Sidecar of one workload, its ports bound at addresses of its own."""
        name, labels = document["metadata"]["name"], document["metadata"]["labels"]
        number = self.numbers[name]
        return {"apiVersion": ISTIO, "kind": "Sidecar",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {
                    "workloadSelector": {"labels": {
                        "app": labels["app"], "version": labels["version"]}},
                    "ingress": [{
                        "port": {"number": CALLED, "protocol": "HTTP", "name": "http"},
                        "bind": document["status"]["podIP"], "captureMode": "NONE",
                        "defaultEndpoint": "127.0.0.1:%d" % (APP_PORT + number)}],
                    "egress": [{
                        "port": {"number": CALLED, "protocol": "HTTP", "name": "http"},
                        "bind": self.via_of_number(number), "captureMode": "NONE",
                        "hosts": ["./*"]}]}}

    # Places.
    def listen_of(self, pod):
        return "%s:%d" % pod.listen

    def service(self, pod, name, namespace="default", port=9080):
        return self.via_of_number(self.numbers[pod.name]), port

    def via(self, pod):
        return "%s:%d" % (self.via_of_number(self.numbers[pod.name]), CALLED)

    def ingress(self):
        return None, (self.gateway.address, GATEWAY_PORT)

    def make_places(self):
        """Loopback addresses need no making; but they must be free."""
        for port in (GATEWAY_PORT, ADMIN_PORT + 1):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise RuntimeError("port %d is taken (another demo, pid %d?): %s" % (
                        port, os.getpid(), error)) from None
