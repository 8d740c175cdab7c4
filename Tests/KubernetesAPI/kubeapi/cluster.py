# SPDX-License-Identifier: Apache-2.0
"""A server to start in a test: on a free port, with TLS where wanted, and a kubeconfig."""
import base64
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import tempfile

from . import istio, loading
from .api import API
from .listener import Listener


class KubernetesAPI:
    """A running server. `with` ends it.

    `load`: folders or files of objects. `crds`: None for Istio's and the Gateway API's kinds without
    schemas, else folders of definitions. Other options are those of `API`.
    """

    def __init__(self, host="127.0.0.1", port=0, tls=False, load=(), crds=None, **options):
        self.folder = tempfile.mkdtemp(prefix="navarch-kubernetes-")
        self.api = API(**options)
        self.store, self.faults = self.api.store, self.api.faults
        if crds is None:
            loading.load_objects(self.api, istio.definitions())
        for folder in list(crds or ()) + list(load):
            loading.load_directory(self.api, folder)
        self.authority = None
        self.listener = Listener(self.api, host, port, self._context(host) if tls else None)
        shown = "[%s]" % host if ":" in host else host
        self.address = "%s://%s:%d" % ("https" if tls else "http", shown, self.listener.port)
        self.api.address = "%s:%d" % (shown, self.listener.port)

    def _context(self, host):
        """TLS with an authority of this server's own."""
        where = os.path.join
        self.authority = where(self.folder, "ca.crt")
        ca_key, key = where(self.folder, "ca.key"), where(self.folder, "tls.key")
        request, certificate = where(self.folder, "tls.csr"), where(self.folder, "tls.crt")
        names = where(self.folder, "names")
        with open(names, "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:::1"
                       + (",IP:" + host if host not in ("127.0.0.1", "::1") else "")
                       + "\nextendedKeyUsage=serverAuth\n")
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        _openssl("req", "-x509", *ec, "-keyout", ca_key, "-out", self.authority, "-days", "2",
                 "-subj", "/CN=kubernetes")
        _openssl("req", "-new", *ec, "-keyout", key, "-out", request, "-subj", "/CN=kube-apiserver")
        _openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", ca_key,
                 "-CAcreateserial", "-out", certificate, "-days", "2", "-extfile", names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(self.authority)
        context.verify_mode = ssl.CERT_OPTIONAL  # a client may show who it is
        h2 = ["h2"] if importlib.util.find_spec("h2") else []
        context.set_alpn_protocols(h2 + ["http/1.1"])
        return context

    def client_certificate(self, name, *groups):
        """A certificate of this server's authority for a client; paths of it and its key."""
        certificate, key = (os.path.join(self.folder, name + end) for end in (".crt", ".key"))
        request = os.path.join(self.folder, name + ".csr")
        subject = "".join("/O=" + g for g in groups) + "/CN=" + name
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-keyout", key, "-out", request, "-subj", subject)
        _openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey",
                 os.path.join(self.folder, "ca.key"), "-CAcreateserial", "-out", certificate,
                 "-days", "2")
        return certificate, key

    def kubeconfig(self, path=None, token=None, user=None):
        """Writes a kubeconfig for this server; returns its path. `user` says who asks, else a token.

        Where nothing is enforced any token will do; over TLS kubectl asks its user for one else.
        """
        token = token or (None if self.api.access.enforce else "anybody")
        path = path or os.path.join(self.folder, "kubeconfig")
        cluster = {"server": self.address}
        if self.authority:
            with open(self.authority, "rb") as file:
                cluster["certificate-authority-data"] = base64.b64encode(file.read()).decode()
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "fake", "user": user or (
                {"token": token} if token else {})}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}]}
        with open(path, "w", encoding="ascii") as file:
            json.dump(config, file, indent=2)
        return path

    def load(self, text):
        """Makes or replaces the objects of a YAML text."""
        return loading.load_text(self.api, text)

    def close(self):
        """Ends it and removes its files."""
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError("openssl %s: %s" % (arguments[0], done.stderr.strip()))
