# SPDX-License-Identifier: Apache-2.0
"""An API server with the samples, whose objects and faults a case changes."""
import json
import urllib.error
import urllib.request

from kubeapi import KubernetesAPI
from mesh import paths
from mesh.client import wait_until
from mesh.ports import free_ports

PLURALS = {"Service": "services", "EndpointSlice": "endpointslices", "Pod": "pods",
           "ConfigMap": "configmaps", "Namespace": "namespaces", "Node": "nodes",
           "VirtualService": "virtualservices", "DestinationRule": "destinationrules",
           "ServiceEntry": "serviceentries", "WorkloadEntry": "workloadentries", "Secret": "secrets"}


class Cluster:
    """A running API server. `with` ends it."""

    def __init__(self, load=True, token="abc", namespaces=(), **options):
        options.setdefault("keep_status", True)
        # It is closed and opened again at its port, which no connection must have taken meanwhile.
        options.setdefault("port", free_ports(1)[0])
        self.server = KubernetesAPI(load=[paths.SAMPLES] if load else (), **options)
        self.config = self.server.kubeconfig(token=token)
        self.server.load(json.dumps({"kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in namespaces]}))

    def ask(self, method, path, body=None, kind="application/json"):
        """The JSON that the server answers; None where there is no such thing."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.server.address + path, data, method=method,
                                         headers={"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    @staticmethod
    def path(api_version, kind, namespace, name=""):
        """Where objects of a kind are, or one."""
        group = "/apis/" + api_version if "/" in api_version else "/api/" + api_version
        place = "/namespaces/" + namespace if namespace else ""
        return "%s%s/%s%s" % (group, place, PLURALS[kind], "/" + name if name else "")

    def put(self, document):
        """Makes or replaces an object, as kubectl does."""
        meta = document["metadata"]
        where = (document["apiVersion"], document["kind"], meta.get("namespace", ""))
        old = self.ask("GET", self.path(*where, meta["name"]))
        if old is None:
            return self.ask("POST", self.path(*where), document)
        new = dict(document, metadata=dict(meta, resourceVersion=old["metadata"]["resourceVersion"]))
        return self.ask("PUT", self.path(*where, meta["name"]), new)

    def patch(self, api_version, kind, namespace, name, change):
        """Merges a change into an object."""
        return self.ask("PATCH", self.path(api_version, kind, namespace, name), change,
                        "application/merge-patch+json")

    def remove(self, api_version, kind, namespace, name):
        """Deletes an object."""
        return self.ask("DELETE", self.path(api_version, kind, namespace, name))

    def virtual_service(self, name, http, namespace="default", **spec):
        """A VirtualService for the service of its name."""
        return self.put({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                         "metadata": {"name": name, "namespace": namespace},
                         "spec": dict({"hosts": [name], "http": http}, **spec)})

    def fault(self, **rule):
        """Something that goes wrong from now on."""
        self.ask("POST", "/fake/faults", rule)

    def fake(self, method, name, body=None):
        """One of the server's pages for tests (kubeapi/admin.py)."""
        return self.ask(method, "/fake/" + name, {} if body is None and method == "POST" else body)

    def refuse(self, seconds):
        """Ends every connection and takes no new one for a while; returns when it does again."""
        before = self.fake("GET", "openings")["count"]
        self.fake("POST", "refuse", {"seconds": seconds})
        def reopened():
            try:
                return self.fake("GET", "openings")["count"] > before
            except OSError:
                return False
        wait_until("the API server", reopened, seconds + 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

