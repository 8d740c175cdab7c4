# SPDX-License-Identifier: Apache-2.0
"""Other clusters of the mesh, which Secrets name: added, read anew and removed while all serves on."""
import os
import re
import subprocess
import tempfile

import certificates
import grpc
import yaml

import adsclient
from certificates import field, read
from cluster import Cluster
from mesh.client import wait_until
from mesh.ports import free_ports

from . import cluster_identity, identity

DETAILS = "outbound|9080||details.default.svc.cluster.local"
FAR = "outbound|81||far.default.svc.cluster.local"
FAR_POD, FAR_ONLY, GATEWAY = "10.55.0.1", "10.55.0.2", "172.18.9.9"
METADATA = dict(adsclient.METADATA[adsclient.SIDECAR])


def _service(cluster, name, port, address):
    """A Service with one Pod behind it."""
    labels = {"app": name, "security.istio.io/tlsMode": "istio"}
    place = {"namespace": "default", "name": name}
    cluster.put({"apiVersion": "v1", "kind": "Service", "metadata": place,
                 "spec": {"clusterIP": "10.97.0.%d" % (port % 250), "selector": {"app": name},
                          "ports": [{"name": "http", "port": port}]}})
    cluster.put({"apiVersion": "v1", "kind": "Pod",
                 "metadata": {"namespace": "default", "name": name + "-1", "labels": labels},
                 "spec": {"serviceAccountName": "default", "nodeName": "far-node",
                          "containers": [{"name": "c", "image": "i"}]},
                 "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}})
    cluster.put({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                 "metadata": {"namespace": "default", "name": name + "-x",
                              "labels": {"kubernetes.io/service-name": name}},
                 "addressType": "IPv4", "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
                 "endpoints": [{"addresses": [address], "conditions": {"ready": True}, "targetRef": {
                     "kind": "Pod", "namespace": "default", "name": name + "-1"}}]})


def _pod(cluster, name, address, **labels):
    """A Pod that is ready."""
    cluster.put({"apiVersion": "v1", "kind": "Pod",
                 "metadata": {"namespace": "default", "name": name, "labels": labels},
                 "spec": {"serviceAccountName": "default", "nodeName": "far-node",
                          "containers": [{"name": "c", "image": "i"}]},
                 "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                            "conditions": [{"type": "Ready", "status": "True"}]}})


def _entry(cluster, name, address, labels, rev=None):
    """A workload outside of Kubernetes."""
    cluster.put({"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
                 "metadata": {"namespace": "default", "name": name,
                              "labels": {"istio.io/rev": rev} if rev else {}},
                 "spec": {"address": address, "labels": labels}})


def _other(**options):
    """A cluster with a Service of a name that the first has too, and one of its own."""
    other = Cluster(load=False, **options)
    other.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
    _service(other, "details", 9080, FAR_POD)
    _service(other, "far", 81, FAR_ONLY)
    return other


def _name(start, cluster, other, token="abc", name="east"):
    """Makes the Secret that names the other cluster, as navarchctl writes it."""
    path = other.server.kubeconfig(os.path.join(os.path.dirname(other.config), token), token=token)
    control = os.path.join(os.path.dirname(start.program), "navarchctl")
    text = subprocess.run([control, "create-remote-secret", "--name", name, "--kubeconfig", path],
                          check=True, capture_output=True, text=True, timeout=30).stdout
    cluster.put(yaml.safe_load(text))


def _behind(client, name):
    """The addresses behind a cluster."""
    found = client.resources["eds"].get(name)
    return {e.endpoint.address.socket_address.address for place in (found.endpoints if found else ())
            for e in place.lb_endpoints}


def _clusters(daemon):
    return {c["id"]: c["syncStatus"] for c in daemon.json("/debug/clusterz")}


def test_remote_cluster_comes_and_goes(start):
    """A Secret adds a cluster's endpoints, a new one keeps them, without it they go; others stay"""
    with Cluster() as cluster, _other() as other, start(kubeconfig=cluster.config) as daemon, \
            adsclient.Client(daemon.ads, delta=True) as client:
        client.start().wait("full answer", adsclient.Client.complete)
        near = _behind(client, DETAILS)
        assert near and FAR not in client.resources["cds"]
        _name(start, cluster, other)
        client.wait("endpoints of both", lambda c: _behind(c, DETAILS) == near | {FAR_POD})
        client.wait("what is there only", lambda c: _behind(c, FAR) == {FAR_ONLY})
        assert _clusters(daemon) == {"Kubernetes": "synced", "east": "synced"}
        assert daemon.metrics()['istiod_managed_clusters{cluster_type="remote"}'] == 1
        kinds = {r["path"].rsplit("/", 1)[-1] for r in other.fake("GET", "requests")
                if r["userAgent"] == "navarchd"}
        assert kinds == {"namespaces", "nodes", "services", "endpointslices", "pods",
                         "workloadentries", "configmaps"}, kinds

        # Another token: read anew, and nothing goes meanwhile.
        lost = []
        other.fake("POST", "tokens", {"token": "second", "username": "second"})
        _name(start, cluster, other, token="second")
        def anew():
            lost.extend([1] if not _behind(client, DETAILS) >= near | {FAR_POD} else [])
            return any(r["user"] == "second" for r in other.fake("GET", "requests"))
        wait_until("the second token in use", anew, 30)
        _service(other, "far", 81, "10.55.0.77")
        client.wait("a change under the second", lambda c: _behind(c, FAR) == {"10.55.0.77"})
        assert not lost and _behind(client, DETAILS) == near | {FAR_POD}

        # One that cannot be used changes nothing.
        secret = cluster.ask("GET", "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-east")
        cluster.put(dict(secret, apiVersion="v1", kind="Secret", data={}, stringData={"east": "{}"}))
        wait_until("a word about it", lambda: "is no kubeconfig" in read(daemon.log), 30)
        _service(other, "far", 81, "10.55.0.78")
        client.wait("a change after it", lambda c: _behind(c, FAR) == {"10.55.0.78"})

        cluster.ask("DELETE", "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-east")
        client.wait("the end of its endpoints", lambda c: _behind(c, DETAILS) == near)
        client.wait("the end of its service", lambda c: FAR not in c.resources["cds"])
        assert _clusters(daemon) == {"Kubernetes": "synced"}


def test_remote_cluster_that_is_away(start):
    """One that never answers holds nothing up for longer than agreed; one whose Secret is bad, at all"""
    with Cluster() as cluster, _other() as other:
        path = os.path.join(os.path.dirname(other.config), "dead")
        other.server.kubeconfig(path, token="x")
        with open(path, encoding="ascii") as file:
            text = file.read().replace(other.server.address, "http://127.0.0.1:%d" % free_ports(1)[0])
        def secret(name, cluster_id, config):
            return {"apiVersion": "v1", "kind": "Secret", "stringData": {cluster_id: config},
                    "metadata": {"name": name, "namespace": "istio-system",
                                 "labels": {"istio/multiCluster": "true"}}}
        for document in (secret("dead", "dead", text), secret("bad", "bad", text.replace(
                '"token": "x"', '"exec": {"command": "evil"}')), secret(
                    "twice", "dead", text), secret("own", "Kubernetes", text)):
            cluster.put(document)
        with start(kubeconfig=cluster.config,
                   environment={"PILOT_REMOTE_CLUSTER_TIMEOUT": "2s"}) as daemon:
            wait_until("the cluster given up", lambda: _clusters(daemon) == {
                "Kubernetes": "synced", "dead": "timeout", "bad": "closed"}, 30)
            assert daemon.metrics()['remote_cluster_sync_timeouts_total{cluster="dead"}'] == 1
            state = 'istiod_remote_cluster_sync_status{cluster="dead",cluster_type="remote",status="%s"}'
            assert [daemon.metrics()[state % s] for s in ("timeout", "synced")] == [1, 0]
            with open(daemon.log, encoding="utf-8") as file:
                log = file.read()
            for word in ("exec is not allowed", "own cluster", "names already"):
                assert word in log, word
            with adsclient.Client(daemon.ads, delta=True) as client:
                client.start().wait("full answer", adsclient.Client.complete)
                _name(start, cluster, other)
                client.wait("a cluster that is there", lambda c: FAR_POD in _behind(c, DETAILS))


AGE = 'navarch_source_snapshot_age_seconds{cluster="%s"}'


def _notes(daemon):
    """What configz says of snapshots."""
    return re.findall(r'[^"]*was true at[^"]*', daemon.page("/debug/configz").body)


def test_restart_without_a_remote_cluster(start):
    """A restart while another cluster is away serves its last good state, ready soon, and reconciles"""
    with tempfile.TemporaryDirectory() as state, Cluster() as cluster, _other() as other:
        _name(start, cluster, other)
        options = {"kubeconfig": cluster.config, "state": state}
        with start(**options) as daemon, adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("endpoints of both", lambda c: FAR_POD in _behind(c, DETAILS))
            both = _behind(client, DETAILS)
        assert sorted(f for f in os.listdir(state) if f.endswith(".snapshot")) == [
            "cluster-east.snapshot", "cluster.snapshot"]
        other.fake("POST", "refuse", {"seconds": 10})
        with start(**options) as daemon, adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            assert _behind(client, DETAILS) == both and _behind(client, FAR) == {FAR_ONLY}
            ready = daemon.page("/ready?verbose").body
            assert ready.startswith("Ready.\nCluster east is served from a snapshot"), ready
            assert daemon.metrics()[AGE % "east"] > 0 and daemon.metrics()[AGE % "Kubernetes"] == 0
            assert ["cluster east" in n for n in _notes(daemon)] == [True], _notes(daemon)
            shown = {c["id"]: "snapshotAge" in c for c in daemon.json("/debug/clusterz")}
            assert shown == {"Kubernetes": False, "east": True}, shown
            sent = dict(client.responses)
            wait_until("the cluster", lambda: daemon.metrics()[AGE % "east"] == 0, 60)
            assert not _notes(daemon) and _clusters(daemon)["east"] == "synced"
            assert dict(client.responses) == sent, "what is the same was sent again"
            _service(other, "far", 81, "10.55.0.77")
            client.wait("a change", lambda c: _behind(c, FAR) == {"10.55.0.77"})
            cluster.ask("DELETE", "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-east")
            client.wait("the end of its service", lambda c: FAR not in c.resources["cds"])
        assert [f for f in os.listdir(state) if f.endswith(".snapshot")] == ["cluster.snapshot"]


def test_restart_without_any_cluster(start):
    """Where all API servers are away all is served as it was; each is reconciled when it is back"""
    with tempfile.TemporaryDirectory() as state, Cluster() as cluster, _other() as other:
        _name(start, cluster, other)
        options = {"kubeconfig": cluster.config, "state": state}
        with start(**options) as daemon, adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("endpoints of both", lambda c: FAR_POD in _behind(c, DETAILS))
            both = _behind(client, DETAILS)
        cluster.fake("POST", "refuse", {"seconds": 30})
        other.fake("POST", "refuse", {"seconds": 10})
        with start(**options) as daemon, adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            assert _behind(client, DETAILS) == both and _behind(client, FAR) == {FAR_ONLY}
            assert len(_notes(daemon)) == 2, _notes(daemon)
            # The other cluster is read although the own one, which names it, is still away.
            wait_until("the other cluster", lambda: daemon.metrics()[AGE % "east"] == 0, 60)
            _service(other, "far", 81, "10.55.0.77")
            client.wait("a change there", lambda c: _behind(c, FAR) == {"10.55.0.77"})
            wait_until("the own cluster", lambda: daemon.metrics()[AGE % "Kubernetes"] == 0, 60)
            assert not _notes(daemon) and _behind(client, DETAILS) == both
            assert _clusters(daemon) == {"Kubernetes": "synced", "east": "synced"}


VM = "outbound|443||vm.example.com"


def test_workloads_of_other_clusters_are_selected(start):
    """ServiceEntries select Pods and WorkloadEntries of all clusters, Services those of their own"""
    with Cluster() as cluster, _other() as other:
        cluster.put({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
                     "metadata": {"name": "vm", "namespace": "default"},
                     "spec": {"hosts": ["vm.example.com"], "resolution": "STATIC",
                              "workloadSelector": {"labels": {"app": "vm"}},
                              "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]}})
        _pod(cluster, "vm", "10.55.1.1", app="vm")
        _pod(other, "vm", "10.55.1.2", app="vm")
        _entry(other, "vm", "10.55.1.3", {"app": "vm"})
        _entry(other, "revision", "10.55.1.4", {"app": "vm"}, rev="other")
        _entry(other, "details", "10.55.1.5", {"app": "details"})
        _name(start, cluster, other)
        with start(kubeconfig=cluster.config) as daemon, \
                adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            client.wait("workloads of both", lambda c: _behind(c, VM) == {
                "10.55.1.1", "10.55.1.2", "10.55.1.3"})
            assert "10.55.1.5" in _behind(client, DETAILS)
            _entry(other, "vm", "10.55.1.33", {"app": "vm"})
            _pod(other, "vm", "10.55.1.22", app="vm")
            client.wait("edits there", lambda c: _behind(c, VM) == {
                "10.55.1.1", "10.55.1.22", "10.55.1.33"})
            _entry(other, "vm", "10.55.1.33", {"app": "vm"}, rev="other")
            client.wait("another revision's", lambda c: _behind(c, VM) == {
                "10.55.1.1", "10.55.1.22"})
            cluster.ask("DELETE", "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-east")
            client.wait("what is left", lambda c: _behind(c, VM) == {"10.55.1.1"})


def test_workload_entries_that_may_not_be_read(start):
    """An account that may not read WorkloadEntries of another cluster gets all else of it"""
    with Cluster() as cluster, _other() as other:
        other.fault(match={"resource": "workloadentries"}, status=403)
        _name(start, cluster, other)
        with start(kubeconfig=cluster.config) as daemon, \
                adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("what is there", lambda c: _behind(c, FAR) == {FAR_ONLY})
            assert _clusters(daemon)["east"] == "synced"
            wait_until("a word on it", lambda: "cluster east: workloadentries cannot be followed"
                       in read(daemon.log), 20)
            assert 'controller_sync_errors_total{cluster="east"}' not in daemon.metrics()


def test_trust_domain_of_another_cluster(start):
    """Identities in a cluster are of the trust domain that its mesh settings say, live; else of ours"""
    def settle(where, text):
        where.put({"apiVersion": "v1", "kind": "ConfigMap", "data": {"mesh": text},
                   "metadata": {"name": "istio", "namespace": "istio-system"}})
    def identities(client):
        return set(re.findall("spiffe://([^/]+)/", str(client.resources["cds"].get(FAR))))
    agent = dict(METADATA, NAVARCH_SECRETS="file:/certs")
    with Cluster() as cluster, _other() as other:
        settle(other, "trustDomain: east.example")
        _name(start, cluster, other)
        with start(kubeconfig=cluster.config) as daemon, \
                adsclient.Client(daemon.ads, metadata=agent, delta=True) as client:
            client.start().wait("the domain there", lambda c: identities(c) == {"east.example"})
            settle(other, "trustDomain: west.example")
            client.wait("its change", lambda c: identities(c) == {"west.example"})
            settle(other, "trustDomain: [")
            wait_until("a word on it", lambda: "cluster east, ConfigMap istio" in read(daemon.log), 20)
            other.remove("v1", "ConfigMap", "istio-system", "istio")
            client.wait("that of the mesh", lambda c: identities(c) == {"cluster.local"})


ROOTS = "/api/v1/namespaces/%s/configmaps/istio-ca-root-cert"
LOCK = "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/istio-namespace-controller-election"


def test_roots_in_other_clusters(start):
    """With EXTERNAL_ISTIOD clusters that name this control plane's get the roots, and no others"""
    with Cluster() as cluster, _other() as other, _other() as third:
        def claim(where, *clusters):
            where.patch("v1", "Namespace", "", "istio-system", {"metadata": {"annotations": {
                "topology.istio.io/controlPlaneClusters": ",".join(clusters)}}})
        claim(other, "west", "Kubernetes")
        claim(third, "west")
        _name(start, cluster, other)
        _name(start, cluster, third, name="third")
        with start(kubeconfig=cluster.config, environment={"EXTERNAL_ISTIOD": "true"}) as daemon:
            def root(where, namespace):
                return ((where.ask("GET", ROOTS % namespace) or {}).get("data") or {}).get(
                    "root-cert.pem")
            wait_until("the roots there", lambda: root(other, "istio-system"), 30)
            assert root(other, "istio-system") == root(cluster, "istio-system")
            other.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}})
            wait_until("those of a new namespace", lambda: root(other, "fresh"), 30)
            holder = other.ask("GET", LOCK)
            assert holder["metadata"]["annotations"]["leader.istio.io/holder-key"] == "^default"
            assert third.ask("GET", ROOTS % "istio-system") is None and third.ask("GET", LOCK) is None
            claim(third, "*")
            wait_until("the roots of who asks later", lambda: root(third, "istio-system"), 30)
            cluster.ask("DELETE", "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-east")
            wait_until("the lock given back", lambda: not other.ask("GET", LOCK)["spec"].get(
                "holderIdentity"), 30)
            events = {k: v for k, v in daemon.metrics().items() if "remote_cluster_secret" in k}
            assert events == {'remote_cluster_secret_events_total{event="add"}': 2,
                              'remote_cluster_secret_events_total{event="delete"}': 1}, events


def test_remote_network_is_reached_by_its_gateway(start):
    """Endpoints in another network are reached by its gateway; what is cluster-local stays at home"""
    with Cluster() as cluster, _other() as other:
        for place, network in ((cluster, "network1"), (other, "network2")):
            place.patch("v1", "Namespace", "", "istio-system",
                        {"metadata": {"labels": {"topology.istio.io/network": network}}})
        other.put({"apiVersion": "v1", "kind": "Service",
                   "metadata": {"namespace": "istio-system", "name": "istio-eastwestgateway",
                                "labels": {"topology.istio.io/network": "network2"}},
                   "spec": {"type": "LoadBalancer", "clusterIP": "10.97.1.1",
                            "ports": [{"name": "tls", "port": 15443}]},
                   "status": {"loadBalancer": {"ingress": [{"ip": GATEWAY}]}}})
        _name(start, cluster, other)
        metadata = dict(METADATA, NETWORK="network1")
        with start(kubeconfig=cluster.config) as daemon, \
                adsclient.Client(daemon.ads, metadata=metadata, delta=True) as client:
            client.start().wait("full answer", adsclient.Client.complete)
            client.wait("the gateway", lambda c: GATEWAY in _behind(c, DETAILS))
            assert FAR_POD not in _behind(client, DETAILS)
            assert _behind(client, FAR) == {GATEWAY}
            # The proxy of the other cluster goes to its own Pod, and here by no gateway at all.
            far = dict(METADATA, NETWORK="network2", CLUSTER_ID="east", LABELS={"app": "far"})
            node = "sidecar~%s~far-1.default~default.svc.cluster.local" % FAR_ONLY
            with adsclient.Client(daemon.ads, node, far, delta=True) as there:
                there.start().wait("full answer", adsclient.Client.complete)
                there.wait("its own Pod", lambda c: FAR_POD in _behind(c, DETAILS))
                assert GATEWAY not in _behind(there, DETAILS)
                assert "81" in str(there.resources["lds"]["virtualInbound"])
            cluster.ask("PUT" if cluster.ask(
                "GET", "/api/v1/namespaces/istio-system/configmaps/istio") else "POST",
                "/api/v1/namespaces/istio-system/configmaps", {
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": "istio", "namespace": "istio-system"},
                    "data": {"mesh": "serviceSettings:\n- settings: {clusterLocal: true}\n"
                                     "  hosts: [details.default.svc.cluster.local]\n"}})
            client.wait("only those of its cluster", lambda c: _behind(
                c, DETAILS) and GATEWAY not in _behind(c, DETAILS))


def test_tokens_are_reviewed_by_their_cluster(start):
    """A token with `clusterid` of another cluster is reviewed there, and by nobody once that is gone"""
    with Cluster() as cluster, _other() as other, start(kubeconfig=cluster.config) as daemon, \
            tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        cluster_identity.add_account(other, "default", "far")
        token = cluster_identity.issue_token(other, "default", "far")
        roots = cluster_identity.write_roots(cluster, folder)
        csr = read(certificates.request(folder)[0]).encode()
        def create(name, shown=token):
            return identity.create(daemon, csr, roots=roots, token=shown,
                                   headers=[("clusterid", name)] if name else ())
        nobody = grpc.StatusCode.UNAUTHENTICATED
        assert create("east") == nobody, "a cluster that nobody named"
        _name(start, cluster, other)
        wait_until("the cluster", lambda: _clusters(daemon).get("east") == "synced", 30)
        chain = create("east")
        assert field(chain[0], "-ext", "subjectAltName").split()[-1] == (
            "URI:spiffe://cluster.local/ns/default/sa/far")
        node = "sidecar~%s~far-1.default~default.svc.cluster.local" % FAR_ONLY
        metadata = dict(METADATA, CLUSTER_ID="east", LABELS={"app": "far"}, SERVICE_ACCOUNT="far")
        with adsclient.Client(daemon.secure, node, metadata, delta=True, roots=roots, token=token,
                              headers=[("clusterid", "east")]) as client:
            client.start().wait("full answer", adsclient.Client.complete)
        for name in ("", "Kubernetes", "west"):
            assert create(name) == nobody, name
        cluster_identity.add_account(cluster, "default", "near")
        near = cluster_identity.issue_token(cluster, "default", "near")
        assert create("east", near) == nobody
        assert isinstance(create("Kubernetes", near), list)
        cluster.ask("DELETE", "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-east")
        wait_until("its end", lambda: "east" not in _clusters(daemon), 30)
        assert create("east") == nobody
        assert token not in read(daemon.log), "the log shows a token"
