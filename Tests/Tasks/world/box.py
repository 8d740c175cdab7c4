# SPDX-License-Identifier: Apache-2.0
"""The mesh that the tasks are played in.

A caller or a gateway is a network namespace with an unmodified Envoy that proves who it is; all
other pods and the outside world are addresses of one namespace. One program answers everywhere.
"""
import os
import shutil
import subprocess
import tempfile

import yaml
from certificates import Authority
from mesh import client, netns, paths
from mesh.box import PROXY_USER, NamespaceBox
from mesh.config import ConfigDirectory
from mesh.pods import Pod
from mesh.processes import stop_all

from .cluster import Cluster, outside

HERE = os.path.dirname(os.path.abspath(__file__))
PORTS = [80, 443, 3128, 5000, 8080, 8443, 9000, 9001, 9002, 9080]
CALLERS = {"productpage": "productpage-v1", "reviews": "reviews-v2", "curl": "curl",
           "fortio": "fortio-deploy", "ingress": "istio-ingressgateway",
           "egress": "istio-egressgateway"}
MESH = {"accessLogFile": ""}


class TaskBox(NamespaceBox):
    """The mesh, with the objects of one task at a time."""

    NETWORK = ("10.244.255.1", 16)

    def __init__(self, navarchd, corpus, tasks):
        self.navarchd, self.say = navarchd, lambda text: None
        self.folder = tempfile.mkdtemp(prefix="navarch-tasks-")
        os.chmod(self.folder, 0o755)
        self.logs = os.path.join(self.folder, "logs")
        os.makedirs(self.logs)
        self.config = ConfigDirectory(os.path.join(self.folder, "config"))
        self.mesh_file = os.path.join(self.folder, "mesh.yaml")
        self.state = os.path.join(self.folder, "state")
        self.cluster = Cluster(os.path.join(corpus, "samples"))
        self.base = self.cluster.base()
        self.outside, self.bare = outside(tasks)
        self.protocol, self.arguments, self.children, self.daemon = "delta", (), [], None
        self.http = ("127.0.0.1", 28080)
        self.authority = Authority(os.path.join(self.folder, "authority"), "Tasks")
        os.chmod(self.authority.folder, 0o755)
        os.chmod(self.authority.certificate, 0o644)
        self.set_mesh({})
        self.apply([])
        every = {o["metadata"]["name"]: Pod(o) for o in self.config.all("Pod")
                 if o["metadata"]["name"] in CALLERS.values()}
        self.pods = {name: every[pod] for name, pod in CALLERS.items()}

    # Configuration.
    def apply(self, documents):
        """The cluster with these documents beside what is always there, and nothing else."""
        objects = self.cluster.run(self.base + documents)
        self.config.restore(objects)
        self.objects = objects

    def set_mesh(self, settings):
        """The mesh's settings."""
        self.config.write_text(self.mesh_file, yaml.safe_dump(dict(MESH, **settings)))

    # Places.
    def hosts(self):
        """Names of services and of hosts outside."""
        named = ["%s %s" % (address, name) for name, address in self.outside.items()]
        for key, service in sorted(self.objects.items()):
            if key[0] == "Service" and service["spec"].get("clusterIP", "None") != "None":
                named.append("%s %s.%s.svc.cluster.local" % (
                    service["spec"]["clusterIP"], key[2], key[1]))
        return named

    def make_places(self):
        super().make_places()
        # Pods come with tasks: every address that one may get, and those outside.
        last = len(self.cluster.pods) + 40
        mine = {pod.address for pod in self.pods.values()}
        addresses = ["10.244.0.%d" % (n + 1) for n in range(10, last + 10)]
        with open(os.path.join(self.folder, "addresses"), "w") as file:
            for address in [a for a in addresses if a not in mine] + self.bare + sorted(
                    self.outside.values()):
                file.write("addr add %s/32 dev br0\n" % address)
        netns.ip("-n", self.home, "-batch", file.name)
        for pod in self.pods.values():
            certificates = os.path.join("/etc/netns", pod.namespace, "ssl", "certs")
            os.makedirs(certificates)
            shutil.copy(self.authority.certificate,
                        os.path.join(certificates, "ca-certificates.crt"))

    # Programs.
    def start(self):
        """Everything, in the order in which a cluster would."""
        self.make_places()
        command = [self.navarchd, "discovery", "--configDir", self.config.folder,
                   "--meshConfig", self.mesh_file, "--stateDir", self.state,
                   "--secureGRPCAddr", self.NETWORK[0] + ":15012",
                   "--grpcAddr", "127.0.0.1:15010",
                   "--httpAddr", "127.0.0.1:28080", "--monitoringAddr", "127.0.0.1:25014",
                   "--httpsAddr", "127.0.0.1:25017"]
        self.daemon = self.spawn("navarchd", command, self.home, None)
        self.wait_for(self.daemon, "the control plane's /ready",
                      lambda: client.get(self.home, self.http, "/ready", timeout=5).status == 200)
        self.roots = os.path.join(self.folder, "roots.pem")
        with open(self.roots, "w") as file:
            file.write(self.navarchctl("ca", "root"))
        names = ["DNS:" + name for name in self.outside] + ["DNS:nginx.example.com",
                 "DNS:*.wikipedia.org", "DNS:my-nginx.mesh-external.svc.cluster.local"]
        certificate, key = self.authority.issue("world", *names)
        answering = ["python3", os.path.join(HERE, "server.py"), "--certificate", certificate,
                     "--key", key, *map(str, PORTS)]
        self.spawn("world", answering, self.home, None)
        for name, pod in self.pods.items():
            self.start_caller(name, pod)
            if not pod.gateway:
                self.spawn("world-" + name, answering, pod.namespace, None)
        for pod in self.pods.values():
            self.wait_for(pod.children[0], "Envoy of %s to be ready" % pod.name,
                          self.admin(pod).ready, 60)

    def navarchctl(self, *arguments):
        """What a command of navarchctl prints."""
        program = os.path.join(os.path.dirname(self.navarchd), "navarchctl")
        return subprocess.run([program, *arguments, "--stateDir", self.state], check=True,
                              capture_output=True, text=True, timeout=30).stdout

    def start_caller(self, name, pod):
        """Starts a pod's Envoy, which proves who it is with a token."""
        account = self.objects[("Pod", pod.kubernetes_namespace, pod.name)]["spec"][
            "serviceAccountName"]
        token = os.path.join(self.folder, name + "-token.yaml")
        text = self.navarchctl("token", "create", "--namespace", pod.kubernetes_namespace,
                               "--service-account", account).strip()
        subprocess.run([os.path.join(paths.ROOT, "config", "envoy", "token.sh"), text, token],
                       check=True)
        os.chown(token, *PROXY_USER)
        command = [paths.RUN_ENVOY, "gateway" if pod.gateway else "sidecar",
                   "--ip", pod.address, "--pod", pod.name, "--namespace", pod.kubernetes_namespace,
                   "--labels", pod.label_text, "--service-account", account,
                   "--xds", self.NETWORK[0] + ":15012", "--token", token, "--roots", self.roots,
                   "--admin", "127.0.0.1:15000", "--envoy", self.envoy_program(), "--",
                   "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        log = os.path.join(self.logs, "envoy-%s.log" % name)
        with open(log, "w"):
            os.chown(log, *PROXY_USER)  # Envoy opens /dev/stdout by its name
        pod.children = [self.spawn("envoy-" + name, command, pod.namespace, PROXY_USER)]

    def close(self, keep_logs=False):
        """Ends every child and removes every trace."""
        stop_all(self.children)
        self.children = []
        self.remove_places()
        if not keep_logs:
            shutil.rmtree(self.folder, ignore_errors=True)


