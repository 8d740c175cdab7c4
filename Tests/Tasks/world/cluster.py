# SPDX-License-Identifier: Apache-2.0
"""What a cluster makes of manifests: pods of Deployments, addresses, endpoints."""
import copy
import os
import urllib.parse

import yaml

REGIONS = ["region1/zone1", "region1/zone2", "region2/zone3", "region3/zone4"]
BASE = ["bookinfo/platform/kube/bookinfo.yaml", "bookinfo/networking/destination-rule-all.yaml",
        "curl/curl.yaml", "httpbin/sample-client/fortio-deploy.yaml"]
GATEWAYS = {"ingressgateway": {80: 8080, 443: 8443, 31400: 31400},
            "egressgateway": {80: 8080, 443: 8443}}
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}
CLUSTER_SCOPED = {"Namespace", "Node"}


def load(path):
    """The documents of a file."""
    with open(path) as file:
        return [d for d in yaml.safe_load_all(file) if d]


class Cluster:
    """The objects of a cluster, as its API server would hold them once all runs."""

    def __init__(self, samples):
        self.samples = samples
        self.services, self.pods = {}, {}  # "name.namespace" to an address; they never change

    def address(self, table, name, prefix):
        """The address of a name, given out in the order of asking."""
        number = table.setdefault(name, len(table) + 10)
        return "%s.%d.%d" % (prefix, number // 250, number % 250 + 1)

    def base(self):
        """Nodes, namespaces, gateways, and the workloads that the tasks call from."""
        objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                   for name in ("default", "istio-system", "sample", "mesh-external")]
        for number, locality in enumerate(REGIONS):
            region, zone = locality.split("/")
            objects.append({"apiVersion": "v1", "kind": "Node", "metadata": {
                "name": "node-%d" % number, "labels": {"topology.kubernetes.io/region": region,
                                                       "topology.kubernetes.io/zone": zone}}})
            objects.append(self.pod("helloworld-%s" % zone, "sample", {"app": "helloworld"},
                                    [5000], number))
        objects.append(self.plain_service("helloworld", "sample", {"app": "helloworld"},
                                          {"http": (5000, 5000)}))
        objects.append(self.pod("my-nginx", "default", {"run": "my-nginx"}, [443]))
        objects.append(self.pod("my-nginx", "mesh-external", {"run": "my-nginx"}, [443]))
        objects.append(self.plain_service("my-nginx", "mesh-external", {"run": "my-nginx"}, {
            "http": (80, 80), "https": (443, 443)}))
        for name, ports in GATEWAYS.items():
            labels = {"app": "istio-" + name, "istio": name}
            objects.append(self.pod("istio-" + name, "istio-system", labels, ports.values()))
            objects.append(self.plain_service("istio-" + name, "istio-system", labels, {
                {80: "http2", 443: "https"}.get(port, "tcp-%d" % port): (port, target)
                for port, target in ports.items()}))
        for path in BASE:
            objects += load(os.path.join(self.samples, path))
        return objects

    def pod(self, name, namespace, labels, ports, node=0, account=None):
        """A pod that runs."""
        address = self.address(self.pods, name + "." + namespace, "10.244")
        return {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
            "spec": {"nodeName": "node-%d" % node, "serviceAccountName": account or name,
                     "containers": [{"name": "main", "ports": [
                         p if isinstance(p, dict) else {"containerPort": p} for p in ports]}]},
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                       "conditions": [{"type": "Ready", "status": "True"}]}}

    def plain_service(self, name, namespace, selector, ports):
        """A Service; ports are name: (port, target)."""
        return {"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"selector": selector, "ports": [
                    {"name": n, "port": p, "targetPort": t} for n, (p, t) in ports.items()]}}

    def run(self, documents):
        """The objects of manifests, once everything that they ask for runs."""
        objects = {}
        endpoints = []
        for document in documents:
            document = copy.deepcopy(document)
            meta, kind = document["metadata"], document["kind"]
            if kind not in CLUSTER_SCOPED:
                meta.setdefault("namespace", "default")
            if kind in WORKLOADS:
                document = self.started(document)
            elif kind == "Service":
                self.numbered(document)
            elif kind == "Endpoints":
                endpoints.append(document)
                continue
            meta = document["metadata"]
            objects[(document["kind"], meta.get("namespace", ""), meta["name"])] = document
        for slice_ in self.slices(objects, endpoints):
            meta = slice_["metadata"]
            objects[("EndpointSlice", meta["namespace"], meta["name"])] = slice_
        return objects

    def started(self, workload):
        """The one pod of a workload."""
        template = workload["spec"]["template"]
        ports = [p for c in template["spec"].get("containers", []) for p in c.get("ports", [])]
        return self.pod(workload["metadata"]["name"], workload["metadata"]["namespace"],
                        template["metadata"].get("labels", {}), ports,
                        account=template["spec"].get("serviceAccountName"))

    def numbered(self, service):
        """Gives a Service its cluster IP."""
        spec, meta = service["spec"], service["metadata"]
        if spec.get("clusterIP") or spec.get("type") == "ExternalName":
            return
        spec["clusterIP"] = self.address(self.services, meta["name"] + "." + meta["namespace"],
                                         "10.96")
        spec["clusterIPs"] = [spec["clusterIP"]]

    def slices(self, objects, endpoints):
        """The EndpointSlices that Kubernetes' controllers make of Services, pods and Endpoints."""
        pods = [o for key, o in objects.items() if key[0] == "Pod"]
        for key, service in list(objects.items()):
            selector = service["spec"].get("selector") if key[0] == "Service" else None
            if not selector:
                continue
            chosen = [p for p in pods if p["metadata"]["namespace"] == key[1] and
                      selector.items() <= p["metadata"]["labels"].items()]
            if chosen:
                yield self.slice(key[1], key[2], [{
                    "addresses": [p["status"]["podIP"]], "conditions": {"ready": True},
                    "nodeName": p["spec"]["nodeName"],
                    "targetRef": {"kind": "Pod", "name": p["metadata"]["name"],
                                  "namespace": key[1]}} for p in chosen],
                    [(p.get("name", ""), self.target(p, chosen[0]))
                     for p in service["spec"]["ports"]])
        for written in endpoints:
            meta = written["metadata"]
            for subset in written["subsets"]:
                yield self.slice(meta["namespace"], meta["name"], [
                    {"addresses": [a["ip"]], "conditions": {"ready": True}}
                    for a in subset["addresses"]],
                    [(p.get("name", ""), p["port"]) for p in subset["ports"]])

    @staticmethod
    def target(port, pod):
        """The number of a Service's target port in a pod."""
        target = port.get("targetPort", port["port"])
        if isinstance(target, int):
            return target
        return next(p["containerPort"] for c in pod["spec"]["containers"] for p in c["ports"]
                    if p.get("name") == target)

    @staticmethod
    def slice(namespace, service, endpoints, ports):
        """One EndpointSlice of a Service."""
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": service + "-1", "namespace": namespace,
                             "labels": {"kubernetes.io/service-name": service}},
                "addressType": "IPv4", "endpoints": endpoints,
                "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports]}


def outside(tasks):
    """Addresses of the hosts outside the mesh that the tasks name, and the bare addresses."""
    names, numbers = set(), set()
    for task in tasks:
        for resource in task.get("resources", []):
            if resource["kind"] == "ServiceEntry":
                names.update(h for h in resource["spec"]["hosts"] if not h.startswith("*"))
                numbers.update(a.split("/")[0] for a in resource["spec"].get("addresses", []))
            if resource["kind"] == "Endpoints":
                numbers.update(a["ip"] for s in resource["subsets"] for a in s["addresses"])
        for check in task.get("checks", []):
            to = str(check.get("to", ""))
            if "://" in to:
                names.add(urllib.parse.urlsplit(to).hostname)
            names.update(n for n in [check.get("sni")] if n)
    hosts = {n: "198.51.100.%d" % (i + 1) for i, n in enumerate(sorted(names)) if "." in n}
    return hosts, sorted(numbers)
