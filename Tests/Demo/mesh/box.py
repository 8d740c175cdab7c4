# SPDX-License-Identifier: Apache-2.0
"""The box itself: control plane, pods and their Envoys, from nothing to ready, and away again."""
import os
import shutil
import tempfile

from . import client, netns, paths
from .config import ConfigDirectory
from .envoy import Admin
from .pods import addresses, pods
from .processes import Child, stop_all

PROXY_USER = (1337, 1337)
APP_USER = (1000, 1000)


class Box:
    """A running mesh. Subclasses say where a pod lives; this one starts and ends things."""

    captured = True  # whether traffic is redirected, or listeners bind their own ports

    def __init__(self, navarchd, protocol="delta", arguments=(), say=lambda text: None):
        self.navarchd, self.protocol, self.arguments, self.say = navarchd, protocol, arguments, say
        self.folder = tempfile.mkdtemp(prefix="navarch-demo-")
        os.chmod(self.folder, 0o755)
        self.config = ConfigDirectory(os.path.join(self.folder, "config"))
        self.config.load_samples()
        self.prepare_config()
        self.pods = pods(self.config)
        self.services = addresses(self.config)
        self.children = []
        self.daemon = None
        self.logs = os.path.join(self.folder, "logs")
        os.makedirs(self.logs)

    # What differs between namespaces and loopback.
    home = None                                # the namespace of the control plane
    ads, http = "127.0.0.1:15010", ("127.0.0.1", 8080)
    monitoring = ("127.0.0.1", 15014)
    mode = "REDIRECT"

    def prepare_config(self):
        """Rewrites the samples for this box, before anything starts."""

    def make_places(self):
        """Makes the network places of the pods."""

    def remove_places(self):
        """Removes them."""

    def daemon_arguments(self):
        """The control plane's address flags."""
        return ["--grpcAddr", self.ads]

    def listen_of(self, pod):
        """Where a pod's application binds."""
        return "0.0.0.0:9080"

    def service(self, pod, name, namespace="default", port=9080):
        """The address that a program in `pod` dials for a service."""
        return self.services[(name, namespace)], port

    def ingress(self):
        """The gateway's address as seen from outside the mesh, and the namespace of the caller."""
        return self.home, (self.gateway.address, 18080)

    # From nothing to ready.
    @property
    def gateway(self):
        """The ingress gateway's pod."""
        return next(pod for pod in self.pods.values() if pod.gateway)

    def start(self):
        """Everything, in the order in which a cluster would."""
        self.say("places: %d pods" % len(self.pods))
        self.make_places()
        self.say("control plane: %s" % self.navarchd)
        self.start_daemon()
        self.say("envoys and applications")
        for pod in self.pods.values():
            self.start_pod(pod)
        for pod in self.pods.values():
            self.wait_ready(pod)

    def start_daemon(self):
        """Starts the control plane and waits for /ready."""
        command = [self.navarchd, "discovery", "--configDir", self.config.folder,
                   *self.daemon_arguments(), *self.arguments]
        self.daemon = self.spawn("navarchd", command, self.home, None)
        self.wait_for(self.daemon, "the control plane's /ready",
                      lambda: client.get(self.home, self.http, "/ready", timeout=5).status == 200)

    def start_pod(self, pod):
        """Starts a pod's Envoy and its application."""
        command = [paths.RUN_ENVOY, "gateway" if pod.gateway else "sidecar",
                   "--ip", pod.address, "--pod", pod.name, "--namespace", pod.kubernetes_namespace,
                   "--labels", pod.label_text, "--xds", self.ads, "--mode", self.mode,
                   "--admin", "%s:%d" % pod.admin, "--protocol", self.protocol,
                   "--envoy", self.envoy_program(), "--", "--concurrency", "1",
                   "--disable-hot-restart", "--log-level", "warning"]
        pod.children = [self.spawn("envoy-" + pod.name, command, pod.namespace, PROXY_USER)]
        if not pod.gateway:
            pod.children.append(self.start_application(pod))

    def start_application(self, pod):
        """Starts the bookinfo server of a pod."""
        command = [paths.program("bookinfo"), pod.app, "--version", pod.version,
                   "--pod", pod.name, "--listen", self.listen_of(pod)]
        for name in ("details", "reviews", "ratings"):
            command += ["--" + name, self.name_of(pod, name)]
        if self.via(pod):
            command += ["--via", self.via(pod)]
        return self.spawn("app-" + pod.name, command, pod.namespace, APP_USER)

    def name_of(self, pod, name):
        """host:port by which an application calls a service."""
        return name + ":9080"

    def via(self, pod):
        """Where an application sends what is for a service; None: to the service's address."""
        return None

    def envoy_program(self):
        """Envoy, at a path that the proxy's user may run: copied where its own folder is closed."""
        path = paths.envoy()
        if os.geteuid() != 0 or self._open_to_all(path):
            return path
        copy = os.path.join(self.folder, "envoy")
        if not os.path.exists(copy):
            shutil.copy(path, copy)
            os.chmod(copy, 0o755)
        return copy

    @staticmethod
    def _open_to_all(path):
        while path != "/":
            if not os.stat(path).st_mode & 0o001:
                return False
            path = os.path.dirname(path)
        return True

    def spawn(self, name, command, namespace, user):
        """Starts a child of the box."""
        child = Child(name, command, os.path.join(self.logs, name + ".log"), namespace,
                      user if os.geteuid() == 0 else None)
        self.children.append(child)
        return child

    def wait_for(self, child, what, condition, timeout=30.0):
        """Waits for a condition, and gives up early where the child ends."""
        def check():
            if not child.running:
                raise client.TimedOut("%s ended while waiting for %s:\n%s" % (
                    child.name, what, child.tail()))
            return condition()
        try:
            client.wait_until(what, check, timeout)
        except client.TimedOut as error:
            raise client.TimedOut("%s\n%s\nlog %s:\n%s" % (
                error, "", child.log, child.tail())) from None

    def admin(self, pod):
        """The admin page of a pod's Envoy."""
        return Admin(pod.namespace, pod.admin)

    def wait_ready(self, pod):
        """Waits until a pod's Envoy has its configuration, and its application answers."""
        admin = self.admin(pod)
        self.wait_for(pod.children[0], "Envoy of %s to be ready" % pod.name,
                      lambda: admin.ready() and admin.dump("dynamic_listeners"), 60)
        if not pod.gateway:
            self.wait_for(pod.children[1], "the application of %s" % pod.name,
                          lambda: client.get(pod.namespace, pod.listen, "/count").status == 200)

    def stop_pod(self, pod):
        """Ends a pod's processes at once, as a node that goes away."""
        stop_all(pod.children)
        self.children = [c for c in self.children if c not in pod.children]
        pod.children = []

    def close(self, keep_logs=False):
        """Ends every child and removes every trace."""
        stop_all(self.children)
        self.children = []
        self.remove_places()
        if not keep_logs:
            shutil.rmtree(self.folder, ignore_errors=True)


class NamespaceBox(Box):
    """Each pod a network namespace on one bridge; the control plane in one of its own."""

    NETWORK = ("10.244.0.1", 16)

    def make_places(self):
        netns.sweep()
        prefix = "%s%d-" % (netns.PREFIX, os.getpid())
        self.home = prefix + "net"
        netns.ip("netns", "add", self.home)
        netns.ip("-n", self.home, "link", "set", "lo", "up")
        netns.ip("-n", self.home, "link", "add", "br0", "type", "bridge")
        netns.ip("-n", self.home, "addr", "add", "%s/%d" % self.NETWORK, "dev", "br0")
        netns.ip("-n", self.home, "link", "set", "br0", "up")
        for number, pod in enumerate(self.pods.values()):
            self.make_pod(pod, prefix + pod.name, number)

    def make_pod(self, pod, name, number):
        """One namespace: a link to the bridge, names of services, and the capture rules."""
        netns.ip("netns", "add", name)
        pod.namespace = name
        netns.ip("-n", self.home, "link", "add", "pod%d" % number, "type", "veth",
                 "peer", "name", "eth0", "netns", name)
        netns.ip("-n", self.home, "link", "set", "pod%d" % number, "master", "br0", "up")
        netns.ip("-n", name, "link", "set", "lo", "up")
        netns.ip("-n", name, "addr", "add", "%s/%d" % (pod.address, self.NETWORK[1]), "dev", "eth0")
        netns.ip("-n", name, "link", "set", "eth0", "up")
        netns.ip("-n", name, "route", "add", "default", "via", self.NETWORK[0])
        netns.write_hosts(name, self.hosts())
        if not pod.gateway:
            netns.capture(name)

    def hosts(self):
        """Names of services, as a cluster's DNS would answer them."""
        return ["%s %s.%s.svc.cluster.local %s.%s%s" % (
            address, name, space, name, space, " " + name if space == "default" else "")
            for (name, space), address in self.services.items()]

    @property
    def ads(self):
        """The control plane's address on the bridge."""
        return self.NETWORK[0] + ":15010"

    def remove_places(self):
        for pod in self.pods.values():
            if pod.namespace:
                netns.remove(pod.namespace)
        if self.home:
            netns.remove(self.home)
