# SPDX-License-Identifier: Apache-2.0
"""Who is who in a cluster: the authority's Secret, tokens of Kubernetes, who reads secrets."""
import base64
import contextlib
import os
import tempfile

import adsclient
import certificates
import grpc
from certificates import field, read
from cluster import Cluster
from mesh.client import wait_until

from .pilotagent import ROOTS, PilotAgent
from .identity import GATEWAY_METADATA, SECRET, Page, create, held, refusal

SECRETS = "/api/v1/namespaces/istio-system/secrets"
SIDECAR = "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"


@contextlib.contextmanager
def _cluster(**options):
    with Cluster(**options) as cluster, tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        yield cluster, folder


def add_account(cluster, namespace, name):
    """Makes a service account."""
    cluster.fake("POST", "load", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
        "name": name, "namespace": namespace}})


def issue_token(cluster, namespace, name, audience="istio-ca", pod=None):
    """A token of a service account as the kubelet gets it for a Pod."""
    spec = {"audiences": [audience], "expirationSeconds": 600}
    if pod:
        spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod}
    path = "/api/v1/namespaces/%s/serviceaccounts/%s/token" % (namespace, name)
    return cluster.ask("POST", path, {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})[
            "status"]["token"]


def write_roots(cluster, folder):
    """The path of a file with the roots that the Secret holds."""
    path = os.path.join(folder, "roots.pem")
    found = []
    def there():
        found[:] = [cluster.ask("GET", SECRETS + "/istio-ca-secret")]
        return found[0] is not None
    wait_until("istio-ca-secret", there, 30)
    with open(path, "w") as file:
        file.write(base64.b64decode(found[0]["data"]["root-cert.pem"]).decode())
    return path


def _pod(cluster, namespace, name, account, node):
    cluster.fake("POST", "load", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
        "spec": {"serviceAccountName": account, "nodeName": node,
                 "containers": [{"name": "a", "image": "a"}]},
        "status": {"phase": "Running", "podIP": "10.9.9.9"}})


def test_replicas_share_the_secret(start):
    """Two replicas agree on istio-ca-secret, follow its change, and start from a copy"""
    with _cluster() as (cluster, folder), start(kubeconfig=cluster.config) as one, \
            start(kubeconfig=cluster.config) as two:
        roots = write_roots(cluster, folder)
        secret = cluster.ask("GET", SECRETS + "/istio-ca-secret")
        assert secret["type"] == "istio.io/ca-root", secret["type"]
        for daemon in (one, two):
            certificates.shown(daemon.secure, roots, "istiod.istio-system.svc")
        key = base64.b64decode(secret["data"]["ca-key.pem"]).decode().split("\n")[1]
        assert key not in read(one.log) + read(two.log), "a log shows the authority's key"
        one.child.stop(15)
        cluster.fault(match={"resource": "secrets"}, status=503)
        one.start()
        certificates.shown(one.secure, roots, "istiod.istio-system.svc")


def test_tokens_are_reviewed(start):
    """Tokens that the API server believes prove who one is; without its answer nobody is believed"""
    with _cluster() as (cluster, folder), start(kubeconfig=cluster.config) as daemon:
        roots = write_roots(cluster, folder)
        for name in ("bookinfo-reviews", "other"):
            add_account(cluster, "default", name)
        csr = read(certificates.request(folder)[0]).encode()
        token = issue_token(cluster, "default", "bookinfo-reviews")
        chain = create(daemon, csr, roots=roots, token=token)
        assert field(chain[0], "-ext", "subjectAltName").split()[-1] == "URI:" + SIDECAR
        node = adsclient.SIDECAR
        account = dict(adsclient.METADATA[node], SERVICE_ACCOUNT="bookinfo-reviews")
        with adsclient.Client(daemon.secure, node, account, roots=roots, token=token) as client:
            client.start().wait("full answer", adsclient.Client.complete)
        wrong = issue_token(cluster, "default", "bookinfo-reviews", audience="elsewhere")
        for bad in (wrong, token[:-3], "nonsense"):
            assert create(daemon, csr, roots=roots, token=bad) == grpc.StatusCode.UNAUTHENTICATED
        other = issue_token(cluster, "default", "other")
        assert refusal(daemon, node, account, roots=roots, token=other) == (
            grpc.StatusCode.PERMISSION_DENIED)
        fresh = issue_token(cluster, "default", "bookinfo-reviews")
        cluster.fault(match={"resource": "tokenreviews"}, status=500)
        assert create(daemon, csr, roots=roots, token=fresh) == grpc.StatusCode.UNAVAILABLE
        for text in (token, fresh, other):
            assert text not in read(daemon.log), "the log shows a token"


def test_roots_are_told_from_the_first_answer_on(start):
    """PCDS: who asks as soon as the port is open is told the roots, though the Secret comes late"""
    with _cluster() as (cluster, folder):
        cluster.fault(match={"resource": "secrets"}, status=503, count=3)
        with start(kubeconfig=cluster.config,
                   environment={"ISTIO_MULTIROOT_MESH": "true"}) as daemon:
            add_account(cluster, "default", "productpage")
            token = issue_token(cluster, "default", "productpage")
            with PilotAgent(daemon, token, write_roots(cluster, folder)) as agent:
                agent.send(ROOTS)
                assert agent.take(ROOTS).resources, "the first answer is empty"


def test_nodes_stand_for_what_runs_there(start):
    """CA_TRUSTED_NODE_ACCOUNTS: certificates of what runs on the caller's node, and of nothing else"""
    trusted = {"CA_TRUSTED_NODE_ACCOUNTS": "istio-system/ztunnel"}
    with _cluster() as (cluster, folder):
        for space, name in (("istio-system", "ztunnel"), ("default", "a"), ("default", "b"),
                            ("istio-system", "other")):
            add_account(cluster, space, name)
        _pod(cluster, "istio-system", "ztunnel-1", "ztunnel", "node-1")
        _pod(cluster, "istio-system", "other-1", "other", "node-1")
        _pod(cluster, "default", "a-1", "a", "node-1")
        _pod(cluster, "default", "b-1", "b", "node-2")
        name = "spiffe://%s/ns/%s/sa/%s"
        here, there = name % ("cluster.local", "default", "a"), name % ("cluster.local", "default", "b")
        nobody = grpc.StatusCode.UNAUTHENTICATED
        csr = read(certificates.request(folder)[0]).encode()
        bound = issue_token(cluster, "istio-system", "ztunnel", pod="ztunnel-1")
        with start(kubeconfig=cluster.config) as daemon:
            proof = {"roots": write_roots(cluster, folder), "token": bound}
            assert create(daemon, csr, impersonate=here, **proof) == nobody
        with start(kubeconfig=cluster.config, environment=trusted) as daemon:
            chain = create(daemon, csr, impersonate=here, **proof)
            assert field(chain[0], "-ext", "subjectAltName").split()[-1] == "URI:" + here
            for asked in (there, name % ("cluster.local", "default", "c"),
                          name % ("elsewhere", "default", "a"), "a", here + "/", here + "%2f"):
                assert create(daemon, csr, impersonate=asked, **proof) == nobody, asked
            unbound = issue_token(cluster, "istio-system", "ztunnel")
            other = issue_token(cluster, "istio-system", "other", pod="other-1")
            for token in (unbound, other):
                assert create(daemon, csr, impersonate=here, roots=proof["roots"],
                              token=token) == nobody
            # A certificate proves the account, but not the Pod.
            leaf, key = os.path.join(folder, "leaf.pem"), os.path.join(folder, "request.key")
            with open(leaf, "w") as file:
                file.write(create(daemon, csr, **proof)[0])
            assert create(daemon, csr, impersonate=here, roots=proof["roots"],
                          certificate=(leaf, key)) == nobody


def test_secrets_need_the_right_to_read(start):
    """A gateway is given the secret that it names once its service account may list secrets"""
    with _cluster(load=False, enforce=True, token="boss") as (cluster, folder):
        cluster.server.api.access.tokens["boss"] = (_boss(), ())
        page = Page(folder, 443)
        for place, _, names in os.walk(page.config.folder):
            for name in names:
                cluster.server.load(read(os.path.join(place, name)))
        cluster.server.load(ACCOUNT)
        issued = cluster.server.api.access.issue("istio-system", "gateway", {
            "audiences": ["istio-ca"]})["token"]
        node = adsclient.GATEWAY
        for expected in ([], [SECRET]):
            with start(kubeconfig=cluster.config) as daemon:
                roots = os.path.join(folder, "roots.pem")
                secret = cluster.server.api.store.get(
                    cluster.server.api.store.kinds["", "secrets"], "istio-system", "istio-ca-secret")
                with open(roots, "wb") as file:
                    file.write(base64.b64decode(secret.object["data"]["root-cert.pem"]))
                got = held(daemon, node, GATEWAY_METADATA, roots=roots, token=issued)
                assert got == expected, "it is given %s" % got
            cluster.server.load(ROLE)


def _boss():
    from kubeapi.request import User
    return User("boss", ("system:masters",))


ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: gateway, namespace: istio-system}
"""
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: istio-system}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, watch, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: istio-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: gateway, namespace: istio-system}]
"""
