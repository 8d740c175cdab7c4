# SPDX-License-Identifier: Apache-2.0
"""Several replicas on one API server: what they serve is the same, and one of them writes."""
import json
import os
import signal
import tempfile

import adsclient
from certificates import Authority, read
from cluster import Cluster
from mesh.client import wait_until

ROOTS = "istio-ca-root-cert"
LOCKS = ("istio-namespace-controller-election", "istio-ip-autoallocate")
IGNORED = {"kube-public", "kube-node-lease", "local-path-storage"}
LEADER = "control-plane.alpha.kubernetes.io/leader"


class Plugged:
    """A folder with a plugged-in authority, whose roots may grow."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "cacerts")
        os.makedirs(self.folder)
        self.root = Authority(os.path.join(folder, "root"), "Root")
        self.other = Authority(os.path.join(folder, "other"), "Other")
        signer = Authority(os.path.join(folder, "signer"), "Signer", issuer=self.root)
        chain = read(signer.certificate) + read(self.root.certificate)
        for file, text in (("ca-cert.pem", read(signer.certificate)), ("cert-chain.pem", chain),
                           ("ca-key.pem", read(signer.key))):
            self._write(file, text)
        self.trust(self.root)

    def _write(self, file, text):
        path = os.path.join(self.folder, file)
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write(text)
        os.rename(path + ".new", path)

    def trust(self, *authorities):
        """Makes these the roots."""
        self._write("root-cert.pem", "".join(read(a.certificate) for a in authorities))


def _map(cluster, namespace, name=ROOTS):
    return cluster.ask("GET", "/api/v1/namespaces/%s/configmaps/%s" % (namespace, name))


def _root(cluster, namespace):
    return ((_map(cluster, namespace) or {}).get("data") or {}).get("root-cert.pem", "")


def _namespaces(cluster):
    found = cluster.ask("GET", "/api/v1/namespaces")["items"]
    return {n["metadata"]["name"] for n in found} - IGNORED


def _entry(cluster, name, **labels):
    cluster.put({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
                 "metadata": {"name": name, "namespace": "default", "labels": labels},
                 "spec": {"hosts": [name + ".example.com"], "resolution": "DNS",
                          "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]}})


def _addresses(cluster, name):
    path = cluster.path("networking.istio.io/v1", "ServiceEntry", "default", name)
    status = cluster.ask("GET", path).get("status") or {}
    return sorted(a["value"] for a in status.get("addresses") or [])


def _holder(cluster, name):
    lease = cluster.ask(
        "GET", "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/" + name)
    return ((lease or {}).get("spec") or {}).get("holderIdentity") or ""


def _writes(cluster, user):
    """(method, path) of the writes of a user, those of locks left out."""
    return [(r["method"], r["path"]) for r in cluster.fake("GET", "requests")
            if r["user"] == user and r["method"] not in ("GET", "WATCH")
            and not any(lock in r["path"] for lock in LOCKS)
            and not r["path"].endswith(("/leases", "/namespaces/istio-system/configmaps"))
            and "reviews" not in r["path"]]


def _replica(start, cluster, name, authority):
    cluster.fake("POST", "tokens", {"token": name, "username": name})
    path = os.path.join(os.path.dirname(cluster.config), name)
    return start(kubeconfig=cluster.server.kubeconfig(path, token=name),
                 environment={"POD_NAME": name, "ROOT_CA_DIR": authority.folder})


def test_root_certificates_in_namespaces(start):
    """Every namespace has the roots, also new ones; edits and deletes are mended; new roots follow"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, Cluster() as cluster:
        authority = Plugged(folder)
        first = read(authority.root.certificate)
        with _replica(start, cluster, "one", authority):
            def everywhere(root):
                return all(_root(cluster, n) == root for n in _namespaces(cluster))
            wait_until("the roots everywhere", lambda: everywhere(first), 30)
            assert _map(cluster, "default")["metadata"]["labels"] == {"istio.io/config": "true"}
            assert not any(_map(cluster, n) for n in IGNORED)
            cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}})
            wait_until("the roots of a new namespace", lambda: _root(cluster, "fresh") == first, 30)
            cluster.patch("v1", "ConfigMap", "default", ROOTS,
                          {"data": {"root-cert.pem": "forged", "mine": "stays"}})
            wait_until("the mended entry", lambda: _root(cluster, "default") == first, 30)
            assert _map(cluster, "default")["data"]["mine"] == "stays"
            cluster.remove("v1", "ConfigMap", "fresh", ROOTS)
            wait_until("the ConfigMap again", lambda: _root(cluster, "fresh") == first, 30)
            authority.trust(authority.root, authority.other)
            wait_until("both roots everywhere", lambda: everywhere("".join(
                sorted([first, read(authority.other.certificate)], key=[
                    first, read(authority.other.certificate)].index))), 30)


def test_locks_of_istio_are_respected(start):
    """While an istiod holds its lock nothing is written; once it gives it back, all is"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, Cluster() as cluster:
        record = {"holderIdentity": "istiod-1", "holderKey": "default", "leaseDurationSeconds": 30,
                  "acquireTime": "2026-01-01T00:00:00Z", "renewTime": "2026-01-01T00:00:00Z",
                  "leaderTransitions": 3}
        held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": LOCKS[0], "namespace": "istio-system",
            "annotations": {LEADER: json.dumps(record)}}}
        cluster.put(held)
        with _replica(start, cluster, "one", Plugged(folder)):
            _entry(cluster, "external")
            wait_until("addresses, whose lock is free", lambda: _addresses(cluster, "external"), 30)
            assert _holder(cluster, LOCKS[0]).startswith("one_")
            assert not _root(cluster, "default")
            record.update(holderIdentity="", leaseDurationSeconds=1)
            held["metadata"]["annotations"][LEADER] = json.dumps(record)
            cluster.put(held)
            wait_until("the roots", lambda: _root(cluster, "default"), 30)
            now = _map(cluster, "istio-system", LOCKS[0])["metadata"]["annotations"][LEADER]
            assert json.loads(now)["holderIdentity"].startswith("one_"), now
            assert json.loads(now)["leaderTransitions"] == 4, now


def test_replicas_agree_and_one_writes(start):
    """Two replicas serve the same bytes and versions; where the leader dies, the other writes on"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, Cluster() as cluster:
        authority = Plugged(folder)
        root = read(authority.root.certificate)
        replicas = {name: _replica(start, cluster, name, authority) for name in ("one", "two")}
        with replicas["one"], replicas["two"]:
            _entry(cluster, "external")
            _entry(cluster, "second")
            _entry(cluster, "without", **{"networking.istio.io/enable-autoallocate-ip": "false"})
            wait_until("all writes", lambda: _addresses(cluster, "external") and _addresses(
                cluster, "second") and all(_root(cluster, n) == root for n in _namespaces(cluster)), 30)
            first, second = (_addresses(cluster, n) for n in ("external", "second"))
            assert len(first) == len(second) == 2 and not set(first) & set(second)
            assert not _addresses(cluster, "without")
            _same_served(replicas, first + second)
            written = [w for name in replicas for w in _writes(cluster, name)]
            assert len(written) == len(set(written)), "written twice: %s" % sorted(written)
            leader = _holder(cluster, LOCKS[0]).split("_")[0]
            other = "two" if leader == "one" else "one"
            assert not [w for w in _writes(cluster, other) if ROOTS in w[1]]
            replicas[leader].child.signal(signal.SIGKILL)
            before = len(_writes(cluster, other))
            cluster.remove("v1", "ConfigMap", "default", ROOTS)
            _entry(cluster, "third")
            wait_until("the other writes on", lambda: _root(
                cluster, "default") == root and _addresses(cluster, "third"), 60)
            assert len(_writes(cluster, other)) >= before + 1
            assert _addresses(cluster, "external") == first and not set(
                _addresses(cluster, "third")) & set(first + second)
            assert replicas[other].close() == 0
            assert not _holder(cluster, LOCKS[0]), "the lock is given back at the end"


def _same_served(replicas, addresses):
    """Both serve the same proxy the same, addresses among it."""
    metadata = dict(adsclient.METADATA[adsclient.SIDECAR], DNS_CAPTURE="true",
                    DNS_AUTO_ALLOCATE="true")
    clients = [adsclient.Client(replica.ads, metadata=metadata, delta=True)
               for replica in replicas.values()]
    try:
        for client in clients:
            client.start().wait("full answer", adsclient.Client.complete)
        def agree():
            texts = [str(c.resources["lds"]) for c in clients]
            if not all(a in text for a in addresses if ":" not in a for text in texts):
                return False
            one, two = ({t: {n: m.SerializeToString(deterministic=True) for n, m in held.items()}
                         for t, held in c.resources.items()} for c in clients)
            return one == two and clients[0].versions == clients[1].versions
        wait_until("the same of both", agree, 30)
    finally:
        for client in clients:
            client.close()
