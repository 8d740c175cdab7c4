# SPDX-License-Identifier: Apache-2.0
"""What config/ deploys, as an API server takes it."""
import os
import subprocess
import sys
import tempfile

from kubeapi import istio, loading
from mesh.paths import ROOT

from .client import ServerCase

CRDS = os.path.join(ROOT, "config", "crds")
KUBERNETES = os.path.join(ROOT, "config", "kubernetes")
SAMPLES = os.path.join(ROOT, "config", "samples")
ACCOUNT = "system:serviceaccount:istio-system:istiod"


class Definitions(ServerCase):
    options = {"crds": [CRDS], "load": [SAMPLES]}

    def test_they_are_what_the_script_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(ROOT, "proto", "generate_crds.py")
            subprocess.run([sys.executable, script, "--out", folder], check=True)
            self.assertEqual(sorted(os.listdir(folder)), sorted(os.listdir(CRDS)))
            for name in os.listdir(folder):
                with open(os.path.join(folder, name)) as ours, open(os.path.join(CRDS, name)) as kept:
                    self.assertEqual(ours.read(), kept.read(), name + ": run " + script)

    def test_all_kinds_are_served_at_istios_versions(self):
        for group, versions, plural, kind, short in istio.ISTIO:
            served = self.server.store.kinds[group, plural]
            self.assertEqual((set(served.versions), served.kind, served.short_names),
                             (set(versions), kind, short))
            crd = self.client.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/%s.%s"
                                  % (plural, group))
            self.assertEqual(crd["status"]["storedVersions"], [versions[0]])

    def test_the_samples_pass_unpruned(self):
        for folder, _, names in os.walk(SAMPLES):
            for name in names:
                if name.endswith(".yaml"):
                    with open(os.path.join(folder, name)) as file:
                        objects = [o for o in loading.parse(file.read()) if "istio" in o["apiVersion"]]
                    for obj in objects:
                        self.check(obj)

    def check(self, obj):
        group, version = obj["apiVersion"].split("/")
        kind = next(k for k in self.server.store.kinds.values()
                    if (k.group, k.kind) == (group, obj["kind"]))
        meta = obj["metadata"]
        found = self.client.get("/apis/%s/%s/namespaces/%s/%s/%s" % (
            group, version, meta.get("namespace", "default"), kind.plural, meta["name"]))
        self.assertEqual(found["spec"], obj["spec"])

    def test_what_breaks_a_schema_is_refused(self):
        base = "/apis/networking.istio.io/v1/namespaces/default/"
        for plural, spec, wanted in (
                ("destinationrules", {}, "spec.host: Required value"),
                ("gateways", {"servers": [{"port": {"number": 80, "name": "a"}, "hosts": ["*"]}]},
                 "spec.servers[0].port.protocol: Required value"),
                ("virtualservices", {"http": [{"match": [{"uri": {"exact": "/", "prefix": "/"}}]}]},
                 "spec.http[0].match[0].uri: Invalid value: must validate one and only one"),
                ("serviceentries", {"hosts": ["a.b"], "resolution": "SOMEHOW"},
                 'spec.resolution: Unsupported value: "SOMEHOW"'),
                ("workloadentries", {"address": "1.2.3.4", "ports": {"http": 70000}},
                 "spec.ports.http: Invalid value: 70000: should be at most 65535"),
                ("workloadentries", {"address": "unix://a"}, "by an absolute path or an abstract name"),
                ("destinationrules", {"host": "a", "trafficPolicy": {"connectionPool": {"tcp": {
                    "connectTimeout": "0s"}}}}, "connectTimeout: Invalid value: \"0s\": must be a duration")):
            answer = self.client.ask("POST", base + plural, self.whole(
                {"metadata": {"name": "x"}, "spec": spec}, base + plural))
            self.assertIn(wanted, self.status(answer, 422, "Invalid"))

    def test_some_durations_may_be_zero(self):
        path = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
        self.create({"metadata": {"name": "zero"}, "spec": {"host": "a", "trafficPolicy": {
            "connectionPool": {"tcp": {"idleTimeout": "0s"}}, "loadBalancer": {"consistentHash": {
                "httpCookie": {"name": "c", "ttl": "0s"}}}}}}, path)

    def test_rules_that_may_run_too_often_are_no_definition(self):
        # 27 such rules in lists without an end were 1.13 times what a kube-apiserver 1.36 allows.
        rule = {"type": "string", "x-kubernetes-validations": [{"rule": "self != ''", "message": "x"}]}
        schema = {"type": "object", "properties": {"spec": {"type": "array", "items": {
            "type": "object", "properties": {"f%d" % i: rule for i in range(27)}}}}}
        crd, = istio.definitions([("a.io", ("v1",), "as", "A", ())])
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        self.assertIn("exceeds budget by factor of 1.13", self.status(
            self.client.ask("POST", crds, crd), 422, "Invalid"))

    def test_fields_are_explained(self):
        found = self.client.get("/openapi/v3/apis/security.istio.io/v1")
        schema = found["components"]["schemas"]["io.istio.security.v1.PeerAuthentication"]
        mode = schema["properties"]["spec"]["properties"]["mtls"]["properties"]["mode"]
        self.assertEqual(mode["enum"], ["UNSET", "DISABLE", "PERMISSIVE", "STRICT"])
        self.assertIn("STRICT only mutual TLS", mode["description"])


class Roles(ServerCase):
    options = {"enforce": True, "crds": [CRDS], "load": [KUBERNETES]}

    def allowed(self, verb, group, resource, namespace="", name=""):
        from kubeapi.request import User
        plural, _, subresource = resource.partition("/")
        with self.server.store.changed:
            return self.server.api.access.allows(User(ACCOUNT, ()), verb, group, plural, namespace,
                                                 name, subresource)

    def test_what_the_control_plane_needs_is_allowed(self):
        for verb in ("list", "watch"):
            for group, resource in (
                    ("", "services"), ("", "pods"), ("", "nodes"), ("", "namespaces"),
                    ("", "secrets"), ("", "configmaps"), ("discovery.k8s.io", "endpointslices"),
                    ("networking.istio.io", "virtualservices"),
                    ("security.istio.io", "authorizationpolicies"),
                    ("gateway.networking.k8s.io", "httproutes"),
                    ("apiextensions.k8s.io", "customresourcedefinitions")):
                self.assertTrue(self.allowed(verb, group, resource), resource)
        self.assertTrue(self.allowed("create", "authentication.k8s.io", "tokenreviews"))
        self.assertTrue(self.allowed("patch", "networking.istio.io", "serviceentries/status", "a"))
        for verb in ("get", "update"):
            self.assertTrue(self.allowed(verb, "", "configmaps", "a", "istio-ca-root-cert"))
        self.assertTrue(self.allowed("get", "networking.istio.io", "serviceentries", "a", "x"))
        self.assertTrue(self.allowed("update", "coordination.k8s.io", "leases", "istio-system", "x"))

    def test_nothing_else_is(self):
        for case in (("update", "networking.istio.io", "virtualservices", "a"),
                     ("delete", "", "pods", "a"), ("create", "", "secrets", "a"),
                     ("update", "", "configmaps", "a", "mine"),
                     ("update", "", "secrets", "istio-system", "mine"),
                     ("patch", "", "secrets", "istio-system", "istio-ca-secret"),
                     ("get", "", "secrets", "a", "mine"), ("get", "", "configmaps", "a", "mine"),
                     ("list", "rbac.authorization.k8s.io", "roles"),
                     ("create", "coordination.k8s.io", "leases", "a")):
            self.assertFalse(self.allowed(*case), case)

    def test_the_deployment_has_istiods_names(self):
        where = {("", "services"): "selector", ("apps", "deployments"): "template"}
        service, deployment = (self.server.store.objects[k]["istio-system/istiod"].object["spec"]
                               for k in where)
        pod = deployment["template"]
        for wanted in (service["selector"], deployment["selector"]["matchLabels"]):
            self.assertLessEqual(wanted.items(), pod["metadata"]["labels"].items())
        container = pod["spec"]["containers"][0]
        self.assertEqual(container["name"], "discovery")
        self.assertEqual({p["name"]: p["containerPort"] for p in container["ports"]}, {
            "http-debug": 8080, "grpc-xds": 15010, "tls-xds": 15012, "https-webhooks": 15017,
            "http-monitoring": 15014})
        self.assertEqual({p["name"]: p["port"] for p in service["ports"]}, {
            "grpc-xds": 15010, "https-dns": 15012, "https-webhook": 443, "http-monitoring": 15014})
