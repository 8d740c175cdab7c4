# SPDX-License-Identifier: Apache-2.0
"""The agent beside a real Envoy: certificates, mutual TLS, and the end."""
import http.client
import http.server
import json
import os
import socket
import ssl
import tempfile
import threading

import certificates
from certificates import field
from mesh import paths
from mesh.client import TimedOut, get, wait_until
from mesh.config import ISTIO, ConfigDirectory
from mesh.ports import free_ports
from mesh.processes import Child

from . import identity

WEB = "spiffe://cluster.local/ns/default/sa/web"


class Application(http.server.ThreadingHTTPServer):
    """Answers every request with the header that says who asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path in ("/ill", "/gone"):
            self.send_error(503)
            return
        body = b"app_requests_total 7\n" if self.path == "/metrics" else \
             self.headers.get("x-forwarded-client-cert", "nobody").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def web_config(folder, port, application):
    """One workload, `web`, which takes mutual TLS alone."""
    config = ConfigDirectory(os.path.join(folder, "config"))
    def put(version, kind, name, labels=None, **rest):
        config.put({"apiVersion": version, "kind": kind, "metadata": {
            "name": name, "namespace": "default", "labels": labels or {}}, **rest})
    labels = {"app": "web", "security.istio.io/tlsMode": "istio"}
    put("v1", "Service", "web", spec={
        "selector": {"app": "web"}, "clusterIP": "10.96.1.1",
        "ports": [{"name": "http", "port": 80, "targetPort": port}]})
    put("v1", "Pod", "web-1", labels, spec={"serviceAccountName": "web"}, status={
        "phase": "Running", "podIP": "10.244.1.30", "podIPs": [{"ip": "10.244.1.30"}],
        "conditions": [{"type": "Ready", "status": "True"}]})
    put(ISTIO, "Sidecar", "web", spec={
        "workloadSelector": {"labels": {"app": "web"}},
        "ingress": [{"port": {"number": port, "protocol": "HTTP", "name": "http"},
                     "bind": "127.0.0.1", "captureMode": "NONE",
                     "defaultEndpoint": "127.0.0.1:%d" % application}],
        "egress": [{"hosts": ["./*"], "captureMode": "NONE",
                    "port": {"number": 80, "protocol": "HTTP", "name": "http"},
                    "bind": "127.0.0.1"}]})
    put("security.istio.io/v1", "PeerAuthentication", "default", spec={"mtls": {"mode": "STRICT"}})
    return config


class Agent:
    """One run of navarch-agent with its Envoy, in a folder of its own."""

    def __init__(self, daemon, folder, account="web", proxy=(), token=True, **environment):
        self.admin, self.status, self.ready, self.prometheus = free_ports(4)
        path = os.path.join(folder, "token")
        if token:
            with open(path, "w") as file:
                file.write(daemon.token("default", account))
        # An address that only the system's resolver reads, which the agent is to ask: it has /etc/hosts.
        address = daemon.secure.replace("127.0.0.1", "127.1")
        settings = {"discoveryAddress": address, "configPath": os.path.join(folder, "proxy"),
                    "binaryPath": paths.envoy(), "proxyAdminPort": self.admin,
                    "statusPort": self.status, "terminationDrainDuration": "1s", "concurrency": 1,
                    **dict(proxy)}
        self.program = os.path.join(os.path.dirname(daemon.control), "navarch-agent")
        self.child = Child(
            "agent", ["env", "--chdir=" + folder, self.program, "proxy", "sidecar"],
            os.path.join(folder, "agent.log"), environment={
                "POD_NAME": "web-1", "POD_NAMESPACE": "default", "INSTANCE_IP": "10.244.1.30",
                "SERVICE_ACCOUNT": account, "PROXY_CONFIG": json.dumps(settings),
                "JWT_PATH": path, "CA_ROOT_CA": daemon.roots(), "ISTIOD_SAN": identity.SERVER,
                "ENVOY_STATUS_PORT": str(self.ready),
                "ENVOY_PROMETHEUS_PORT": str(self.prometheus),
                "ISTIO_META_INTERCEPTION_MODE": "NONE",
                "ISTIO_METAJSON_LABELS": json.dumps({"app": "web"}), **environment})

    def wait(self):
        """Waits until it and its Envoy are ready."""
        def ready():
            if not self.child.running:
                raise AssertionError("the agent ended:\n" + self.child.tail())
            return get(None, ("127.0.0.1", self.ready), "/healthz/ready", timeout=5).status == 200
        try:
            wait_until("a ready agent", ready, 30)
        except TimedOut as error:
            raise AssertionError("%s\n%s" % (error, self.child.tail(40))) from None
        return self


def _question(name):
    """A DNS question for the IPv4 addresses of a name."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x00\x01\x00\x01"


def _look_up(port, name):
    """(code, last IPv4 address) that the DNS proxy answers, by UDP and by TCP alike."""
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(30)
        plain.sendto(_question(name), ("127.0.0.1", port))
        answers.append(plain.recv(4096))
    with socket.create_connection(("127.0.0.1", port), 30) as stream:
        question = _question(name)
        stream.sendall(len(question).to_bytes(2, "big") + question)
        answers.append(stream.recv(4096)[2:])
    found = {(answer[3] & 15, socket.inet_ntoa(answer[-4:])) for answer in answers}
    assert len(found) == 1, answers
    return found.pop()


def test_application_is_looked_after(start):
    """An agent answers names, probes and scrapes, writes its certificate, and ends when told to"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        port, names = free_ports(2)
        application = Application()
        app = application.server_address[1]
        config = web_config(folder, port, app)
        probes = {"/app-health/web/livez": {"httpGet": {"port": app, "path": "/live"}},
                  "/app-health/web/readyz": {"httpGet": {"port": app, "path": "/ill"}},
                  "/app-health/web/startupz": {"tcpSocket": {"port": app}}}
        for probe in probes.values():
            probe["timeoutSeconds"] = 30
        output = os.path.join(folder, "certs")
        os.mkdir(output)
        with start(config_dir=config.folder, environment={"ISTIO_MULTIROOT_MESH": "true"}) as daemon:
            agent = Agent(
                daemon, folder, INSTANCE_IP="127.0.0.1", OUTPUT_CERTS=output,
                ISTIO_META_DNS_CAPTURE="true", DNS_PROXY_ADDR="127.0.0.1:%d" % names,
                PROXY_CONFIG_XDS_AGENT="true", ISTIO_KUBE_APP_PROBERS=json.dumps(probes),
                ISTIO_PROMETHEUS_ANNOTATIONS=json.dumps({"scrape": "true", "port": str(app)}))
            try:
                agent.wait()
                def page(path, method="GET", port=agent.status):
                    return get(None, ("127.0.0.1", port), path, timeout=30, method=method)
                for name in ("web.default.svc.cluster.local", "web.default", "web"):
                    assert _look_up(names, name) == (0, "10.96.1.1"), _look_up(names, name)
                assert "web.default.svc.cluster.local" in page("/debug/ndsz").body
                status = {path: page("/app-health/web/" + path).status
                          for path in ("livez", "readyz", "startupz", "prestopz")}
                assert status == {"livez": 200, "readyz": 503, "startupz": 200, "prestopz": 400}, status
                merged = page("/stats/prometheus").body
                for part in ("app_requests_total 7", "envoy_server_live", "istio_agent_cert_expiry_seconds",
                             "istio_agent_dns_requests_total 6", "istio_agent_startup_duration_seconds"):
                    assert part in merged, "%s is missing in\n%s" % (part, merged[:2000])
                metrics = page("/stats/prometheus", port=agent.prometheus).body
                for part in ("envoy_server_live", 'cx_total{cluster_name="xds-grpc"}'):
                    assert part in metrics, "%s is missing in\n%s" % (part, metrics[:2000])
                chain = certificates.read(os.path.join(output, "cert-chain.pem"))
                assert WEB in field(chain, "-ext", "subjectAltName")
                assert os.stat(os.path.join(output, "key.pem")).st_mode & 0o777 == 0o600
                with open(os.path.join(output, "root-cert.pem")) as written, open(daemon.roots()) as own:
                    assert own.read().strip() in written.read()
                assert page("/quitquitquit").status == 405
                assert page("/quitquitquit", "POST").body == "OK"
                assert agent.child.process.wait(30) == 0, agent.child.tail(20)
            finally:
                agent.child.stop(20)


def test_configuration_may_come_without_tls(start):
    """An agent with controlPlaneAuthPolicy NONE asks in plaintext, and the authority by TLS"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        port = free_ports(1)[0]
        config = web_config(folder, port, Application().server_address[1])
        with start(config_dir=config.folder) as daemon:
            plain = {"discoveryAddress": daemon.ads, "controlPlaneAuthPolicy": "NONE"}
            agent = Agent(daemon, folder, proxy=plain, CA_ADDR=daemon.secure)
            try:
                agent.wait()
                client = mesh_client(daemon, folder)
                answer, _ = wait_until("an answer", lambda: try_to_ask(port, client), 30)
                assert "sa/client" in answer, answer
            finally:
                agent.child.stop(20)


def mesh_client(daemon, folder):
    """Another workload's side of TLS, with a certificate from the mesh's authority."""
    csr, key = certificates.request(folder)
    chain = identity.create(daemon, certificates.read(csr).encode(), roots=daemon.roots(),
                             token=daemon.token("default", "client"))
    leaf = os.path.join(folder, "client.pem")
    with open(leaf, "w") as file:
        file.write(chain[0])
    context = ssl.create_default_context(cafile=daemon.roots())
    context.check_hostname = False  # workloads have no DNS names; their SPIFFE name is looked at
    context.load_cert_chain(leaf, key)
    return context


def ask(port, context):
    """The answer over mutual TLS, and the certificate that was shown."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", "/")
        shown = ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True))
        return connection.getresponse().read().decode(), shown
    finally:
        connection.close()


def _plain(port):
    """What a client without TLS gets; None where the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        try:
            return plain.recv(1) or None
        except ConnectionError:
            return None


def test_mutual_tls_with_certificates_that_renew(start):
    """An agent's Envoy takes mutual TLS alone, renews under traffic, and outlives an outage"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        port = free_ports(1)[0]
        application = Application()
        config = web_config(folder, port, application.server_address[1])
        with start(config_dir=config.folder) as daemon:
            agent = Agent(daemon, folder, SECRET_TTL="8s")
            try:
                agent.wait()
                client = mesh_client(daemon, folder)
                answer, shown = wait_until("an answer", lambda: try_to_ask(port, client), 30)
                assert "URI=spiffe://cluster.local/ns/default/sa/client" in answer, answer
                assert WEB in field(shown, "-ext", "subjectAltName"), shown
                assert _plain(port) is None, "a client without TLS is served"
                _renewed(port, client, 3)
                daemon.child.stop(15)
                for _ in range(5):  # the last configuration serves on
                    assert "sa/client" in ask(port, client)[0]
                daemon.start()
                _renewed(port, client, 2)
                assert "PRIVATE" not in certificates.read(agent.child.log)
            finally:
                status = agent.child.stop(20)
            assert status == 0, "the agent ended with %d:\n%s" % (status, agent.child.tail())


def _renewed(port, client, count):
    """Asks until so many certificates were shown; every request on the way is answered."""
    serials = set()
    while len(serials) < count:
        answer, shown = ask(port, client)
        assert "sa/client" in answer, answer
        serials.add(field(shown, "-serial"))


def try_to_ask(port, client):
    try:
        return ask(port, client)
    except OSError:
        return None
