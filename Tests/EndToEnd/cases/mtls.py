# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS between pods: network namespaces with captured traffic, agents and real Envoys."""
import http.server
import json
import os
import re
import shutil
import socket
import socketserver
import subprocess
import threading

import certificates
from certificates import field
from mesh import client, netns, paths
from mesh.box import PROXY_USER, NamespaceBox
from mesh.config import ISTIO
from mesh.pods import Pod
from mesh.ports import free_ports

from . import identity

# A pod for each name; `thief` runs where the registry knows a pod of the service `bank`, and `bare` is an
# Envoy without an agent. `plain` has no proxy at all.
ADDRESSES = {"web": "10.244.1.30", "client": "10.244.1.31", "bank": "10.244.1.32",
             "bare": "10.244.1.33", "plain": "10.244.1.34"}
SERVICES = {"web": "10.96.1.1", "bank": "10.96.1.2", "bare": "10.96.1.3"}
ACCOUNTS = {"bank": "thief"}
SPIFFE = "spiffe://cluster.local/ns/default/sa/"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.headers.get("x-forwarded-client-cert", "nobody").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


class AgentBox(NamespaceBox):
    """Pods with agents; the control plane is reached by TLS alone."""

    pod_addresses, service_addresses, pod_accounts = ADDRESSES, SERVICES, ACCOUNTS

    def __init__(self, navarchd, lifetime, ratio):
        self.lifetime, self.ratio = lifetime, ratio
        super().__init__(navarchd)
        self.servers = []
        self.state = os.path.join(self.folder, "state")
        self.bin = os.path.join(self.folder, "navarch-agent")

    def prepare_config(self):
        for kind, namespace, name in list(self.config.objects):
            self.config.remove(kind, name, namespace)
        for name, address in self.pod_addresses.items():
            self._put("v1", "Pod", name + "-1", name, spec={"serviceAccountName": name}, status={
                "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                "conditions": [{"type": "Ready", "status": "True"}]})
        for name, address in self.service_addresses.items():
            self._put("v1", "Service", name, name, spec={
                "selector": {"app": name}, "clusterIP": address,
                "ports": [{"name": "http", "port": 80, "targetPort": 9080}]})
            self._put("discovery.k8s.io/v1", "EndpointSlice", name, name, addressType="IPv4",
                      ports=[{"name": "http", "port": 9080}], endpoints=[{
                          "addresses": [self.pod_addresses[name]], "conditions": {"ready": True},
                          "targetRef": {"kind": "Pod", "name": name + "-1", "namespace": "default"}}])
        # Each request has a connection of its own, so that each shakes hands.
        self._put(ISTIO, "DestinationRule", "web", "web", spec={
            "host": "web", "trafficPolicy": {"connectionPool": {
                "http": {"maxRequestsPerConnection": 1}}}})
        self._put("security.istio.io/v1", "PeerAuthentication", "default", "",
                  spec={"mtls": {"mode": "STRICT"}})

    def _put(self, version, kind, name, app, **rest):
        labels = {"app": app}
        if kind == "EndpointSlice":
            labels["kubernetes.io/service-name"] = name
        if app == "plain":
            labels["istio"] = "none"  # as a gateway its traffic is not captured: it has no proxy
        else:
            labels["security.istio.io/tlsMode"] = "istio"
        self.config.put({"apiVersion": version, "kind": kind, "metadata": {
            "name": name, "namespace": "default", "labels": labels}, **rest})

    secure = NamespaceBox.NETWORK[0] + ":15012"

    def daemon_arguments(self):
        return ["--secureGRPCAddr", self.secure, "--stateDir", self.state, "--allowAgentlessKeys"]

    def navarchctl(self, *arguments):
        """What a command of navarchctl prints."""
        program = os.path.join(os.path.dirname(self.navarchd), "navarchctl")
        return subprocess.run([program, *arguments, "--stateDir", self.state], check=True,
                              capture_output=True, text=True, timeout=30).stdout

    def make_places(self):
        super().make_places()
        own = os.path.join(os.path.dirname(self.navarchd), "navarch-agent")
        shutil.copy(own, self.bin)  # the proxy's user may not be let into where it was built
        os.chmod(self.bin, 0o755)

    def start_daemon(self):
        super().start_daemon()
        self.spread_roots()

    def spread_roots(self):
        """Writes the mesh's roots where agents look for them, as a kubelet follows istio-ca-root-cert."""
        self.roots = self.write("roots.pem", self.navarchctl("ca", "root"))

    def write(self, name, text):
        """A file that the proxies' user owns, replaced in one step; its path."""
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chown(path + ".new", *PROXY_USER)
        os.rename(path + ".new", path)
        return path

    def start_pod(self, pod):
        """An agent with its Envoy, an Envoy alone, or nothing, and an application."""
        if pod.app != "plain":
            account = self.pod_accounts.get(pod.app, pod.app)
            token = self.navarchctl("token", "create", "--namespace", "default",
                                    "--service-account", account).strip()
            start = self._start_envoy if pod.app == "bare" else self._start_agent
            pod.children = [start(pod, account, token)]
        with netns.inside(pod.namespace):
            server = _Server(("0.0.0.0", 9080), _Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)

    def _start_agent(self, pod, account, token):
        folder = os.path.join(self.folder, "proxy-" + pod.app)
        os.mkdir(folder)
        os.chown(folder, *PROXY_USER)
        proxy = {"discoveryAddress": self.secure, "configPath": folder, "concurrency": 1,
                 "binaryPath": self.envoy_program(), "terminationDrainDuration": "1s",
                 "proxyStatsMatcher": {"inclusionSuffixes": ["ssl.fail_verify_san"]}}
        variables = {
            "POD_NAME": pod.name, "POD_NAMESPACE": "default", "INSTANCE_IP": pod.address,
            "SERVICE_ACCOUNT": account, "PROXY_CONFIG": json.dumps(proxy),
            "JWT_PATH": self.write("token-" + pod.app, token), "CA_ROOT_CA": self.roots,
            "XDS_ROOT_CA": self.roots, "ISTIOD_SAN": identity.SERVER, "SECRET_TTL": self.lifetime,
            "SECRET_GRACE_PERIOD_RATIO": self.ratio, "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
            "ISTIO_METAJSON_LABELS": json.dumps(pod.labels), **self.variables(pod)}
        command = ["env", *("%s=%s" % pair for pair in variables.items()), self.bin, "proxy", "sidecar"]
        return self.spawn("agent-" + pod.app, command, pod.namespace, PROXY_USER)

    def variables(self, pod):
        """What else the agent of a pod is told by its environment."""
        return {}

    def _start_envoy(self, pod, account, token):
        file = os.path.join(self.folder, "token-bare.yaml")
        subprocess.run([os.path.join(paths.ROOT, "config", "envoy", "token.sh"), token, file], check=True)
        os.chown(file, *PROXY_USER)
        copy = os.path.join(self.folder, "config", "envoy")
        shutil.copytree(os.path.join(paths.ROOT, "config", "envoy"), copy)
        subprocess.run(["chmod", "-R", "a+rX", os.path.join(self.folder, "config")], check=True)
        command = [os.path.join(copy, "run.sh"), "sidecar", "--ip", pod.address,
                   "--pod", pod.name, "--namespace", "default", "--labels", pod.label_text,
                   "--service-account", account, "--xds", self.secure, "--token", file,
                   "--roots", self.roots, "--secrets", "ads", "--envoy", self.envoy_program(),
                   "--", "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        return self.spawn("envoy-" + pod.app, command, pod.namespace, PROXY_USER)

    def wait_ready(self, pod):
        if pod.app == "plain":
            return
        admin = self.admin(pod)
        self.wait_for(pod.children[0], "the proxy of %s to be ready" % pod.name,
                      lambda: admin.ready() and admin.dump("dynamic_listeners"), 60)

    def pod(self, app):
        """The pod of an application."""
        return self.pods[app + "-1"]

    def get(self, app, address, timeout=30):
        """What a program in a pod is answered."""
        return client.get(self.pod(app).namespace, address, "/", timeout=timeout)

    def certificate(self, app):
        """The serial number of the workload's certificate that a pod's Envoy has."""
        for entry in self.admin(self.pod(app)).json("/certs").get("certificates", []):
            for leaf in entry.get("cert_chain", []):
                if leaf.get("subject_alt_names"):
                    return leaf["serial_number"]
        return None

    def close(self, keep_logs=False):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        super().close(keep_logs)


class Visitor(threading.Thread):
    """Asks `web` from the pod `client` again and again; no request may fail."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.box, self.answers, self.failures = box, 0, []
        self.done = threading.Event()
        self.start()

    def run(self):
        while not self.done.is_set():
            answer = self.box.get("client", (SERVICES["web"], 80))
            if answer.status == 200 and "URI=%sclient" % SPIFFE in answer.body:
                self.answers += 1
            else:
                self.failures.append((answer.status, answer.body))

    def end(self):
        """The number of answers; fails where any was none."""
        self.done.set()
        self.join(60)
        assert not self.failures, "%d of %d requests failed, the first with %s" % (
            len(self.failures), len(self.failures) + self.answers, self.failures[0])
        return self.answers


def _renewed(box, app, count):
    """Waits until a pod's Envoy has had so many certificates besides its first one."""
    serials = set()
    def enough():
        serials.add(box.certificate(app))
        return len(serials - {None}) > count
    client.wait_until("%d renewals" % count, enough, 600, 0.1)


def shown_chain(box, app):
    """What `openssl s_client` is shown by a pod, asked without a proxy: certificates, and its words."""
    pod = box.pod(app)
    done = subprocess.run(
        ["ip", "netns", "exec", box.home, "openssl", "s_client", "-connect",
         "%s:9080" % pod.address, "-CAfile", box.roots, "-alpn", "istio", "-showcerts"],
        input="", capture_output=True, text=True, timeout=60)
    found = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", done.stdout,
                       re.S)
    return found, done.stdout


def test_pods_speak_mutual_tls_alone(start):
    """STRICT, SPIFFE names, secure naming, ten renewals under traffic, and a pod without an agent"""
    problem = netns.usable()
    if problem:
        print("      (without network namespaces here, this case is not played: %s)" % problem)
        return
    # For a soak a certificate lives for a minute and is renewed at half of that, as by default.
    is_long = os.environ.get("NAVARCH_SOAK") == "1"
    box = AgentBox(start.program, *(("60s", "0.5") if is_long else ("20s", "0.95")))
    try:
        box.start()
        web, bank, bare = ((SERVICES[name], 80) for name in ("web", "bank", "bare"))
        answer = _served(box, "client", web)
        assert "By=%sweb" % SPIFFE in answer.body and "URI=%sclient" % SPIFFE in answer.body, answer.body
        _serves_the_mesh_alone(box, "web")
        visitor = Visitor(box)
        _looks_whole(box)
        _bank_is_refused(box, bank)
        _bare_takes_part(box, web, bare)
        for app in ("web", "client"):
            _renewed(box, app, 10)
        assert visitor.end() > 10
    finally:
        box.close()


def _served(box, app, address):
    """The first answer with status 200 that a program in a pod gets."""
    last = []
    def served():
        last[:] = [box.get(app, address)]
        return last[0].status == 200
    try:
        client.wait_until("an answer of %s for %s" % (address, app), served, 10)
    except client.TimedOut as error:
        logs = "".join(child.tail(20) for child in box.children)
        raise AssertionError("%s, but %d %s\n%s" % (error, last[0].status, last[0].body, logs)) from None
    return last[0]


def _serves_the_mesh_alone(box, app):
    """A client without TLS reaches the pod, and is not answered."""
    answer = box.get("plain", (ADDRESSES[app], 9080))
    assert answer.status == 0 and "refused" not in answer.body, "%s is answered %d %s" % (
        app, answer.status, answer.body)


def _looks_whole(box):
    """The chain leads to the mesh's root, and its leaf is the workload's."""
    chain, text = shown_chain(box, "web")
    assert chain and "Verify return code: 0 (ok)" in text, text
    assert field(chain[0], "-ext", "subjectAltName").split()[-1] == "URI:%sweb" % SPIFFE, text


def _bank_is_refused(box, bank):
    """The pod at the address of `bank` has another service account: it is not trusted."""
    answer = box.get("client", bank)
    assert answer.status == 503, "the thief answers %d %s" % (answer.status, answer.body)
    counted = box.admin(box.pod("client")).stats("ssl.fail_verify_san")
    assert sum(n for name, n in counted.items() if "bank.default" in name), \
        "it was refused for another reason: %s %s" % (answer.body, counted)


def _bare_takes_part(box, web, bare):
    """An Envoy that has its key of the control plane speaks with pods that have agents, both ways."""
    answer = _served(box, "client", bare)
    assert "By=%sbare" % SPIFFE in answer.body and "URI=%sclient" % SPIFFE in answer.body, answer.body
    answer = _served(box, "bare", web)
    assert "URI=%sbare" % SPIFFE in answer.body, answer.body
    _serves_the_mesh_alone(box, "bare")
