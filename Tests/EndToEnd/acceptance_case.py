# SPDX-License-Identifier: Apache-2.0
"""One case of the corpus: a control plane, an Envoy for each proxy, and what they refused."""
import copy
import os
import re
import shutil
import subprocess
import time

import yaml

from daemon import Daemon
from mesh import paths
from mesh.client import TimedOut, wait_until
from mesh.envoy import Admin
from mesh.processes import Child

# Fields that name a file, of the objects and of a proxy's metadata, by what has to be in it.
FILES = {"privateKey": "key", "serverCertificate": "cert", "clientCertificate": "cert",
         "caCertificates": "cert", "caCrl": "crl",
         "TLS_CLIENT_KEY": "key", "TLS_CLIENT_CERT_CHAIN": "cert", "TLS_CLIENT_ROOT_CERT": "cert",
         "TLS_SERVER_KEY": "key", "TLS_SERVER_CERT_CHAIN": "cert", "TLS_SERVER_ROOT_CERT": "cert"}
# What makes a node Istio's own.
ISTIO = ("ISTIO_VERSION", "ISTIO_PROXY_SHA")
KINDS = {"sidecar": "sidecar", "router": "gateway"}
# The admin port of a case's first Envoy: one that no case listens on.
ADMIN_PORT = 14900


class Files:
    """Keys and certificates where the configuration wants them, below a folder of ours."""

    def __init__(self, source, folder):
        self.source, self.folder = source, folder

    def moved(self, value, key=None):
        """The value with absolute paths of files and sockets moved into the folder."""
        if isinstance(value, dict):
            return {k: self.moved(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.moved(v, key) for v in value]
        if not isinstance(value, str):
            return value
        if value.startswith("unix:///"):
            return "unix://" + self.place(value[len("unix://"):])
        if key in FILES and value.startswith("/"):
            return self.put(value, FILES[key])
        return value

    def place(self, path):
        """A path in the folder, whose directory is there."""
        path = os.path.join(self.folder, path.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def put(self, path, kind):
        """Puts the key, the certificate or the revocation list at a path."""
        path = self.place(path)
        shutil.copy(os.path.join(self.source, kind), path)
        return path


class Proxy:
    """One Envoy that stands for a proxy of the case."""

    def __init__(self, envoy, described, admin, daemon, protocol, files, folder):
        self.name = described["name"]
        self.id = described["node_id"].split("~")[2]
        bootstrap, ads = self.bootstrap(described, daemon, folder)
        bootstrap["node"] = self.node(described, files)
        bootstrap["admin"]["address"]["socket_address"]["port_value"] = admin
        ads_config = bootstrap["dynamic_resources"]["ads_config"]
        ads_config["api_type"] = {"delta": "DELTA_GRPC", "sotw": "GRPC"}[protocol]
        cluster = bootstrap["static_resources"]["clusters"][0]
        (locality,) = cluster["load_assignment"]["endpoints"]
        address = locality["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        address["address"], address["port_value"] = ads.split(":")[0], int(ads.split(":")[1])
        # Names of proxies need not differ.
        config = os.path.join(folder, "%s.%d.yaml" % (self.name, admin))
        with open(config, "w") as out:
            yaml.safe_dump(bootstrap, out)
        self.admin = Admin(None, ("127.0.0.1", admin))
        self.child = Child("envoy " + self.name, [
            envoy, "-c", config, "--concurrency", "1", "--disable-hot-restart",
            "--log-level", "warning"], config[:-len("yaml")] + "log")

    @staticmethod
    def bootstrap(described, daemon, folder):
        """The bootstrap of config/envoy for the proxy, and the address that it is to ask."""
        def read(name, **files):
            with open(os.path.join(paths.ROOT, "config", "envoy", name + ".yaml")) as file:
                text = file.read()
            for key, path in files.items():
                text = re.sub(r": \S+  # set:%s$" % key, ": " + path, text, flags=re.MULTILINE)
            return yaml.safe_load(text)
        metadata = described["metadata"]
        if not described.get("auth"):
            return read(KINDS[described["node_id"].split("~")[0]]), daemon.ads
        token = os.path.join(folder, described["name"] + ".token.yaml")
        shell([os.path.join(paths.ROOT, "config", "envoy", "token.sh"),
               daemon.token(metadata["NAMESPACE"], metadata["SERVICE_ACCOUNT"]), token])
        return read("secure", roots=daemon.roots(), token=token), daemon.secure

    @staticmethod
    def node(described, files):
        """The node of the corpus as an Envoy without Istio's agent would name it."""
        metadata = copy.deepcopy(described["metadata"])
        for key in ISTIO:
            metadata.pop(key, None)
        node = {"id": described["node_id"], "cluster": described["node_cluster"],
                "metadata": files.moved(metadata)}
        parts = [p for p in (described.get("locality") or "").split("/") if p]
        if parts:
            node["locality"] = dict(zip(("region", "zone", "sub_zone"), parts))
        return node

    def has_settled(self, rows):
        """Whether Envoy has all that it waits for, and has answered all that it was sent."""
        if not self.child.running:
            return True
        types = {url.rsplit(".", 1)[-1]: t["status"] for url, t in rows.get(self.id, {}).items()}
        # A Secret that is not there is not answered, and Envoy does not wait for it either.
        if types.get("Secret") == "NOT_SENT":
            del types["Secret"]
        answered = all(status in ("SYNCED", "ERROR") for status in types.values())
        return answered and {"Cluster", "Listener"} <= set(types) and self.admin.ready()

    def waits_for(self, rows):
        """What has not come, in words."""
        types = {url.rsplit(".", 1)[-1]: t["status"] for url, t in rows.get(self.id, {}).items()}
        warming = [c["cluster"]["name"] for c in self.admin.dump("dynamic_warming_clusters")]
        return "not settled: %s, warming clusters %s, warming listeners %s" % (
            types, warming, self.admin.stat("listener_manager.total_listeners_warming"))

    def refusals(self, rows):
        """What Envoy refused, in its words and in its counters."""
        if not self.child.running:
            return ["Envoy ended with status %s: %s" % (
                self.child.process.returncode, self.child.tail(3).strip())]
        told = ["%s=%d" % pair for pair in sorted(self.admin.rejected().items())]
        told += [t["lastError"] for t in rows.get(self.id, {}).values() if t.get("lastError")]
        return told


class Bench:
    """What tries cases, one after the other, inside a namespace of its own."""

    def __init__(self, program, envoy, folder, keep):
        self.program, self.envoy, self.folder, self.keep = program, envoy, folder, keep
        self.material = os.path.join(folder, "material.%d" % os.getpid())

    def prepare(self):
        """Makes the namespace usable: every address is this machine's, and no name resolves."""
        os.makedirs(self.material, exist_ok=True)
        shell(["ip", "link", "set", "lo", "up"])
        for setting in ("ipv4/ip_nonlocal_bind", "ipv6/ip_nonlocal_bind"):
            with open("/proc/sys/net/" + setting, "w") as file:
                file.write("1")
        resolver = os.path.join(self.material, "resolv.conf")
        with open(resolver, "w") as file:
            file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        shell(["mount", "--bind", resolver, "/etc/resolv.conf"])
        make_material(self.material)

    def run(self, case, protocol):
        """Tries one case: {case, proxies, wrong, seconds}."""
        folder = os.path.join(self.folder, case.name, protocol)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "config"))
        began = time.monotonic()
        wanted = proxies_of(case)
        try:
            wrong = self.accept(case, protocol, wanted, folder) if wanted else []
        except Exception as error:  # one case's trouble is not the others'
            wrong = ["%s: %s" % (type(error).__name__, str(error).strip())]
        if not wrong and not self.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return {"case": case.name, "proxies": len(wanted),
                "wrong": ["%s (%s)" % (line, protocol) for line in wrong],
                "seconds": time.monotonic() - began}

    def accept(self, case, protocol, wanted, folder):
        """Starts everything, waits until it rests, and returns what was refused."""
        files = Files(self.material, os.path.join(folder, "files"))
        config, mesh = os.path.join(folder, "config"), os.path.join(folder, "mesh.yaml")
        with open(case.input) as text, open(os.path.join(config, "input.yaml"), "w") as out:
            yaml.safe_dump_all(
                [files.moved(d) for d in yaml.load_all(text, yaml.CSafeLoader)], out)
        with open(case.mesh) as text, open(mesh, "w") as out:
            yaml.safe_dump(files.moved(yaml.safe_load(text)), out)
        with Daemon(self.program, case.arguments(mesh), config, case.environment) as daemon:
            proxies = [Proxy(self.envoy, p, ADMIN_PORT + i, daemon, protocol, files, folder)
                       for i, p in enumerate(wanted)]
            try:
                return self.verdict(daemon, proxies)
            finally:
                for proxy in proxies:
                    proxy.child.process.kill()
                for proxy in proxies:
                    proxy.child.process.wait()

    @staticmethod
    def verdict(daemon, proxies):
        """Waits for all proxies, and says what was refused or never came."""
        def settled():
            rows = rows_of(daemon)
            return all(p.has_settled(rows) for p in proxies)
        wrong = []
        try:
            wait_until("all Envoys at rest", settled, 30)
        except TimedOut:
            rows = rows_of(daemon)
            wrong = ["%s: %s" % (p.name, p.waits_for(rows)) for p in proxies
                     if not p.has_settled(rows)]
        rows = rows_of(daemon)
        wrong += ["%s: %s" % (p.name, line) for p in proxies for line in p.refusals(rows)]
        counted = sum(v for k, v in daemon.metrics().items()
                      if k.startswith("pilot_total_xds_rejects"))
        return wrong + (["pilot_total_xds_rejects is %d" % counted] if counted else [])


def rows_of(daemon):
    """{name.namespace: {type: status}} of /debug/syncz."""
    return {r["proxy"].split("~")[2] if "~" in r["proxy"] else r["proxy"]: r.get("resources", {})
            for r in daemon.json("/debug/syncz")}


def proxies_of(case):
    """The proxies that an Envoy can stand for."""
    return [p for p in case.proxies if p["node_id"].split("~")[0] in KINDS
            and "GENERATOR" not in p["metadata"]]


def shell(command):
    """Runs a command; its complaint becomes the exception's text."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()))


def make_material(folder):
    """A key, a certificate of it that is its own CA, and an empty revocation list."""
    key, certificate = os.path.join(folder, "key"), os.path.join(folder, "cert")
    shell(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
           "/CN=test", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", key, "-out",
           certificate])
    index = os.path.join(folder, "index")
    open(index, "w").close()
    config = os.path.join(folder, "ca.cnf")
    with open(config, "w") as file:
        file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ndefault_md=sha256\n" % index)
    shell(["openssl", "ca", "-gencrl", "-config", config, "-keyfile", key, "-cert", certificate,
           "-crldays", "30", "-out", os.path.join(folder, "crl")])
