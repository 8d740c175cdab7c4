# SPDX-License-Identifier: Apache-2.0
"""Who is who: certificates, tokens, the TLS port, and who may read which secret."""
import http.client
import os
import shutil
import ssl
import subprocess
import tempfile
import threading

import adsclient
import certificates
import grpc
from certificates import Authority, field, openssl, read
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
from mesh import paths
from mesh.client import wait_until
from mesh.config import ISTIO, ConfigDirectory
from mesh.envoy import Admin
from mesh.ports import free_ports
from mesh.processes import Child

HOST = "page.example.com"
SERVER = "istiod.istio-system.svc"
SECRET = "kubernetes://page"
GATEWAY_METADATA = dict(adsclient.METADATA[adsclient.GATEWAY], SERVICE_ACCOUNT="gateway")


class Page:
    """A gateway that answers HTTPS by itself, its certificate in a Secret."""

    def __init__(self, folder, port):
        self.config = ConfigDirectory(os.path.join(folder, "config"))
        self.authority = Authority(os.path.join(folder, "page"), "Page Root")
        labels = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
        self.put("v1", "Service", "gateway", "istio-system", spec={
            "selector": labels, "clusterIP": "10.96.10.20",
            "ports": [{"name": "https", "port": 443, "targetPort": port}]})
        self.put("v1", "Pod", "istio-ingressgateway", "istio-system", labels,
                 spec={"serviceAccountName": "gateway"}, status={
                     "phase": "Running", "podIP": "10.244.1.20", "podIPs": [{"ip": "10.244.1.20"}],
                     "conditions": [{"type": "Ready", "status": "True"}]})
        self.put(ISTIO, "Gateway", "page", "istio-system", spec={
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                         "hosts": [HOST], "tls": {"mode": "SIMPLE", "credentialName": "page"}}]})
        self.put(ISTIO, "VirtualService", "page", "istio-system", spec={
            "hosts": [HOST], "gateways": ["page"],
            "http": [{"directResponse": {"status": 200, "body": {"string": "a page"}}}]})
        self.rotations = 0
        self.rotate()

    def put(self, version, kind, name, namespace, labels=None, **rest):
        """Writes one object."""
        self.config.put({"apiVersion": version, "kind": kind, "metadata": {
            "name": name, "namespace": namespace, "labels": labels or {}}, **rest})

    def rotate(self):
        """Another certificate and key in the Secret; its serial number."""
        self.rotations += 1
        certificate, key = self.authority.issue("page-%d" % self.rotations, "DNS:" + HOST)
        self.put("v1", "Secret", "page", "istio-system", type="kubernetes.io/tls",
                 stringData={"tls.crt": read(certificate), "tls.key": read(key)})
        return field(read(certificate), "-serial").partition("=")[2]


class Visitor(threading.Thread):
    """Asks for the page again and again on one connection, which must last."""

    def __init__(self, port, roots):
        super().__init__(daemon=True)
        self.connection = _connect(port, roots)
        self.connection.auto_open = 0  # a connection that is closed is an error from now on
        self.done, self.answers, self.error = threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            while not self.done.is_set():
                self.connection.request("GET", "/")
                answer = self.connection.getresponse()
                assert (answer.status, answer.read()) == (200, b"a page"), answer.status
                self.answers += 1
        except Exception as error:
            self.error = error

    def end(self):
        """The number of answers; fails where any was missing."""
        self.done.set()
        self.join(30)
        if self.error:
            raise AssertionError("after %d answers: %r" % (self.answers, self.error))
        return self.answers


def _connect(port, roots):
    """An open connection to the page, whose certificate is verified."""
    context = ssl.create_default_context(cafile=roots)
    connection = _Connection(port, context)
    connection.connect()
    return connection


class _Connection(http.client.HTTPSConnection):
    """To a port of this machine, by the page's name."""

    def __init__(self, port, context):
        super().__init__(HOST, port, timeout=30, context=context)
        self._create_connection = lambda address, *rest: http.client.socket.create_connection(
            ("127.0.0.1", address[1]), 30)


def _serial(port, roots):
    """The serial number of the certificate that a new connection is shown."""
    connection = _connect(port, roots)
    try:
        return connection.sock.getpeercert()["serialNumber"]
    finally:
        connection.close()


def _envoy(daemon, folder, port):
    """A real Envoy as the gateway, with a token; the child and its admin page."""
    token = os.path.join(folder, "token.yaml")
    subprocess.run([os.path.join(paths.ROOT, "config", "envoy", "token.sh"),
                    daemon.token("istio-system", "gateway"), token], check=True)
    command = [paths.RUN_ENVOY, "gateway", "--xds", daemon.secure, "--token", token, "--roots",
               daemon.roots(), "--service-account", "gateway", "--admin", "127.0.0.1:%d" % port,
               "--envoy", paths.envoy(), "--", "--concurrency", "1", "--disable-hot-restart",
               "--log-level", "warning"]
    return Child("envoy", command, os.path.join(folder, "envoy.log")), Admin(
        None, ("127.0.0.1", port))


def _pushes(daemon):
    """How many responses of each type were sent."""
    prefix = "pilot_xds_pushes{type="
    return {k[len(prefix):-1].strip('"'): v for k, v in daemon.metrics().items()
            if k.startswith(prefix)}


def test_https_page_from_a_secret_rotates(start):
    """curl fetches an HTTPS page through Envoy; its Secret rotates without a lost connection"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        port, admin_port = free_ports(2)
        page = Page(folder, port)
        roots = page.authority.certificate
        with start(config_dir=page.config.folder) as daemon:
            envoy, admin = _envoy(daemon, folder, admin_port)
            try:
                wait_until("a live Envoy", admin.ready, 30)
                wait_until("the page's listener", lambda: admin.stat(
                    "listener_manager.total_listeners_active") == 1, 30)
                _rotate_under_traffic(daemon, page, port, roots)
                answer = subprocess.run(
                    ["curl", "-sS", "--noproxy", "*", "--cacert", roots, "--resolve",
                     "%s:%d:127.0.0.1" % (HOST, port), "https://%s:%d/" % (HOST, port)],
                    capture_output=True, text=True, timeout=30)
                assert answer.stdout == "a page", answer
                assert not admin.rejected(), admin.rejected()
                dumped = admin.text("/config_dump?include_eds") + daemon.page(
                    "/debug/config_dump?proxyID=istio-ingressgateway.istio-system").body
                for secret in ("PRIVATE KEY", "eyJ"):
                    assert secret not in dumped, "a dump shows " + secret
            finally:
                envoy.stop()


def _rotate_under_traffic(daemon, page, port, roots):
    """Five rotations, of which a connection that is open notices nothing."""
    wait_until("the first certificate", lambda: _serial_or_none(port, roots), 30)
    visitor, before = Visitor(port, roots), _pushes(daemon)
    for _ in range(5):
        serial, seen = page.rotate(), visitor.answers
        wait_until("the new certificate", lambda s=serial: _serial(port, roots) == s, 30)
        wait_until("answers after it", lambda n=seen: visitor.answers > n or visitor.error, 30)
    after = _pushes(daemon)
    grown = {t: n - before.get(t, 0) for t, n in after.items() if n != before.get(t, 0)}
    assert grown == {"sds": 5}, "a Secret's change pushes its own resource alone: %s" % grown
    assert visitor.end() > 5


def _serial_or_none(port, roots):
    try:
        return _serial(port, roots)
    except OSError:
        return None


# Who may read.

def held(daemon, node, metadata, **proof):
    """The secrets that a client holds once it has been answered about listeners, asked for later.

    Requests are answered in their order once the stream is served, which the clusters tell."""
    address = daemon.secure if proof else daemon.ads
    with adsclient.Client(address, node, metadata, **proof) as client:
        client.follows = False
        client.subscribe("cds")
        client.wait("clusters", lambda c: c.responses["cds"])
        client.subscribe("sds", [SECRET])
        client.subscribe("lds")
        client.wait("listeners", lambda c: c.responses["lds"])
        return sorted(client.resources["sds"])


def refusal(daemon, node, metadata, **proof):
    """The code with which a stream is refused."""
    with adsclient.Client(daemon.secure, node, metadata, **proof) as client:
        client.subscribe("cds")
        try:
            client.wait("clusters", lambda c: c.responses["cds"])
        except TimeoutError:
            return client.error.code()
    raise AssertionError("it is served")


def test_secrets_are_for_their_gateway_alone(start):
    """A Secret is served to the gateway that proves who it is, and to nobody else"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        page = Page(folder, free_ports(1)[0])
        with start(config_dir=page.config.folder) as daemon:
            roots, node = daemon.roots(), adsclient.GATEWAY
            def token(namespace, account):
                return {"roots": roots, "token": daemon.token(namespace, account)}
            own = token("istio-system", "gateway")
            assert held(daemon, node, GATEWAY_METADATA, **own) == [SECRET]
            assert held(daemon, node, GATEWAY_METADATA) == [], "plaintext is given a secret"
            far = "router~10.244.1.20~gateway.far~far.svc.cluster.local"
            moved = dict(GATEWAY_METADATA, NAMESPACE="far")
            assert held(daemon, far, moved, **token("far", "gateway")) == []
            denied = grpc.StatusCode.PERMISSION_DENIED
            assert refusal(daemon, node, GATEWAY_METADATA, **token("far", "gateway")) == denied
            assert refusal(daemon, node, GATEWAY_METADATA,
                            **token("istio-system", "other")) == denied
            for text in (None, "", "a.b.c", own["token"][:-2], own["token"] + "A"):
                assert refusal(daemon, node, GATEWAY_METADATA, roots=roots, token=text) == (
                    grpc.StatusCode.UNAUTHENTICATED), text
            stranger = Authority(os.path.join(folder, "stranger"), "Stranger")
            forged = stranger.issue("gateway", "URI:spiffe://cluster.local/ns/istio-system/sa/gateway")
            assert refusal(daemon, node, GATEWAY_METADATA, roots=roots, certificate=forged) == (
                grpc.StatusCode.UNAVAILABLE)


# Certificates.

def _messages():
    """The classes of the certificate service's request and response, by protoc."""
    known = descriptor_pb2.FileDescriptorSet()
    struct_pb2.DESCRIPTOR.CopyToProto(known.file.add())
    with tempfile.NamedTemporaryFile() as given, tempfile.NamedTemporaryFile() as made:
        given.write(known.SerializeToString())
        given.flush()
        subprocess.run(["protoc", "-I", ".", "--descriptor_set_in=" + given.name,
                        "--descriptor_set_out=" + made.name, "filters/certificate_service.proto"],
                       check=True, cwd=os.path.join(paths.ROOT, "proto"))
        files = descriptor_pb2.FileDescriptorSet.FromString(made.read())
    pool = descriptor_pool.DescriptorPool()
    for file in [*known.file, *files.file]:
        pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName("istio.v1.auth." + name))
            for name in ("IstioCertificateRequest", "IstioCertificateResponse")]


def create(daemon, csr, lifetime=0, impersonate=None, headers=(), **proof):
    """CreateCertificate: the chain, or the code of the refusal."""
    request_class, response_class = _messages()
    request = request_class(csr=csr, validity_duration=lifetime)
    if impersonate:
        request.metadata.update({"ImpersonatedIdentity": impersonate})
    token = proof.get("token")
    with adsclient.secure_channel(daemon.secure, **proof) as channel:
        call = channel.unary_unary(
            "/istio.v1.auth.IstioCertificateService/CreateCertificate",
            request_class.SerializeToString, response_class.FromString)
        try:
            metadata = [*(adsclient.bearer(token) or ()), *headers]
            return list(call(request, timeout=30, metadata=metadata).cert_chain)
        except grpc.RpcError as error:
            return error.code()


def test_certificates_say_who_asked(start):
    """CreateCertificate signs the caller's identity, never what was asked for, and mTLS is proof"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, start() as daemon:
        roots = daemon.roots()
        csr, key = certificates.request(
            folder, "-addext", "subjectAltName=URI:spiffe://cluster.local/ns/kube-system/sa/admin")
        text = read(csr).encode()
        token = daemon.token("istio-system", "gateway")
        chain = create(daemon, text, 3600, roots=roots, token=token)
        assert isinstance(chain, list) and len(chain) == 2 and chain[-1] == read(roots), chain
        said = field(chain[0], "-ext", "subjectAltName")
        assert said.split()[-1] == "URI:spiffe://cluster.local/ns/istio-system/sa/gateway", said
        leaf = os.path.join(folder, "leaf.pem")
        with open(leaf, "w") as file:
            file.write(chain[0])
        openssl("verify", "-CAfile", roots, "-purpose", "sslclient", leaf)
        openssl("x509", "-in", leaf, "-noout", "-checkend", "3500")
        der = subprocess.run(["openssl", "req", "-in", csr, "-outform", "DER"], check=True,
                             capture_output=True).stdout
        by_certificate = {"roots": roots, "certificate": (leaf, key)}
        assert len(create(daemon, der, **by_certificate)) == 2
        node = adsclient.GATEWAY
        with adsclient.Client(daemon.secure, node, GATEWAY_METADATA, **by_certificate) as client:
            client.start().wait("full answer", adsclient.Client.complete)
        other = dict(GATEWAY_METADATA, SERVICE_ACCOUNT="other")
        assert refusal(daemon, node, other, **by_certificate) == grpc.StatusCode.PERMISSION_DENIED
        bad, nobody = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED
        assert create(daemon, text, roots=roots) == nobody
        assert create(daemon, text, roots=roots, token=token + "x") == nobody
        assert create(daemon, text, roots=roots, token=token, impersonate="spiffe://a/ns/b/sa/c") \
            == nobody
        for wrong in (b"", b"no request", text + b"x", text + text, der[:-1], der + b"0"):
            assert create(daemon, wrong, roots=roots, token=token) == bad, wrong[:40]
        assert read(os.path.join(daemon.state, "ca", "ca-key.pem")) not in read(daemon.log)
        assert token not in read(daemon.log), "the log shows a token"


def test_gateways_tell_of_certificates(start):
    """TRUSTED_GATEWAY_CIDR: x-forwarded-client-cert proves who one is; without it, nothing"""
    name = "spiffe://cluster.local/ns/default/sa/web"
    header = [("x-forwarded-client-cert", "Hash=00;Subject=\"CN=a\";URI=" + name)]
    nobody = grpc.StatusCode.UNAUTHENTICATED
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        csr = read(certificates.request(folder)[0]).encode()
        with start() as daemon:
            assert create(daemon, csr, headers=header, roots=daemon.roots()) == nobody
        with start(environment={"TRUSTED_GATEWAY_CIDR": "10.1.0.0/16,127.0.0.0/8"}) as daemon:
            roots = daemon.roots()
            chain = create(daemon, csr, headers=header, roots=roots)
            assert field(chain[0], "-ext", "subjectAltName").split()[-1] == "URI:" + name
            far = [("x-forwarded-client-cert", "URI=spiffe://far/ns/default/sa/web")]
            for wrong in (far, [(header[0][0], "URI")], ()):
                assert create(daemon, csr, headers=wrong, roots=roots) == nobody, wrong
            # The token counts before it.
            chain = create(daemon, csr, headers=header, roots=roots,
                           token=daemon.token("default", "other"))
            assert field(chain[0], "-ext", "subjectAltName").endswith("/sa/other")


def test_a_plugged_in_authority_is_reloaded(start):
    """A new intermediate in ROOT_CA_DIR signs the port's certificate at once; a broken one does not"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        root = Authority(os.path.join(folder, "root"), "Root")
        plugged = os.path.join(folder, "cacerts")
        os.makedirs(plugged)
        def plug(name):
            authority = Authority(os.path.join(folder, name), name, issuer=root)
            chain = read(authority.certificate) + read(root.certificate)
            for file, text in (("ca-cert.pem", read(authority.certificate)),
                               ("ca-key.pem", read(authority.key)), ("cert-chain.pem", chain),
                               ("root-cert.pem", read(root.certificate))):
                page.config.write_text(os.path.join(plugged, file), text)
        page = Page(folder, 443)
        plug("first")
        with start(config_dir=page.config.folder, environment={"ROOT_CA_DIR": plugged}) as daemon:
            def issuer():
                return field(certificates.shown(daemon.secure, root.certificate, SERVER)[0],
                             "-issuer", "-nameopt", "multiline").split()[-1]
            assert issuer() == "first"
            node, token = adsclient.GATEWAY, daemon.token("istio-system", "gateway")
            with adsclient.Client(daemon.secure, node, GATEWAY_METADATA, roots=root.certificate,
                                  token=token) as client:
                client.start().wait("full answer", adsclient.Client.complete)
                plug("second")
                wait_until("a certificate of the second", lambda: issuer() == "second", 30)
                shutil.copy(os.path.join(folder, "first", "ca.key"),
                            os.path.join(plugged, "ca-key.pem"))
                wait_until("a word about the key", lambda: (
                    "ca-key.pem cannot be used: the key does not belong" in read(daemon.log)), 30)
                assert issuer() == "second" and not client.ended


def _handshakes(daemon, roots, *options):
    """Whether a client with these options of `openssl s_client` comes to an end of its handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", daemon.secure, "-CAfile", roots, "-alpn", "h2", *options],
        input="", capture_output=True, text=True, errors="replace", timeout=30)
    return "Cipher is (NONE)" not in done.stdout and done.returncode == 0


def test_versions_and_ciphers_of_tls(start):
    """--tls-min-version and --tls-cipher-suites decide which clients the TLS port takes"""
    strong, other = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
    with start() as daemon:
        roots = daemon.roots()
        assert _handshakes(daemon, roots, "-tls1_2") and _handshakes(daemon, roots, "-tls1_3")
    with start(arguments=["--tls-min-version", "1.3"]) as daemon:
        roots = daemon.roots()
        assert _handshakes(daemon, roots, "-tls1_3") and not _handshakes(daemon, roots, "-tls1_2")
    suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"
    with start(arguments=["--tls-cipher-suites", suites]) as daemon:
        roots = daemon.roots()
        assert _handshakes(daemon, roots, "-tls1_2", "-cipher", strong)
        assert not _handshakes(daemon, roots, "-tls1_2", "-cipher", other)
        assert _handshakes(daemon, roots, "-tls1_3")
