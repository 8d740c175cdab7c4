# SPDX-License-Identifier: Apache-2.0
"""create, update, patch, delete."""
from .client import SERVICES, ServerCase, service

PODS = "/api/v1/namespaces/default/pods"
MERGE = {"Content_Type": "application/merge-patch+json"}
SELECTS = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"


class Writes(ServerCase):
    def test_an_update_of_an_old_version_is_a_conflict(self):
        old = self.create(service("a"))
        new = dict(old, spec=dict(old["spec"], sessionAffinity="ClientIP"))
        self.assertEqual(self.client.ask("PUT", SERVICES + "/a", new)[0], 200)
        self.assertIn("the object has been modified",
                      self.status(self.client.ask("PUT", SERVICES + "/a", new), 409, "Conflict"))
        del new["metadata"]["resourceVersion"]
        self.assertEqual(self.client.ask("PUT", SERVICES + "/a", new)[0], 200)

    def test_an_update_that_changes_nothing_is_no_event(self):
        made = self.create(service("a"))
        found = self.client.ask("PUT", SERVICES + "/a", made)[1]
        self.assertEqual(found["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"])

    def test_names_are_taken_and_made(self):
        self.create(service("a"))
        self.status(self.client.ask("POST", SERVICES, service("a")), 409, "AlreadyExists")
        self.status(self.client.ask("POST", SERVICES, service("Not_A_Name")), 422, "Invalid")
        obj = service("x")
        obj["metadata"] = {"generateName": "web-"}
        self.assertRegex(self.create(obj)["metadata"]["name"], "^web-.{5}$")

    def test_services_are_completed(self):
        spec = self.create(service("a"))["spec"]
        self.assertEqual((spec["type"], spec["ports"][0]["protocol"], spec["ports"][0]["targetPort"]),
                         ("ClusterIP", "TCP", 80))
        self.assertRegex(spec["clusterIP"], r"^10\.96\.")
        self.assertNotEqual(spec["clusterIP"], self.create(service("b"))["spec"]["clusterIP"])

    def test_status_is_written_by_itself(self):
        self.create({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": {"x": 1}}, PODS)
        pod = self.client.get(PODS + "/p")
        self.assertEqual(pod["status"]["phase"], "Pending")
        pod["status"]["podIP"], pod["spec"]["nodeName"] = "10.0.0.1", "elsewhere"
        pod = self.client.ask("PUT", PODS + "/p/status", pod)[1]
        self.assertEqual((pod["status"]["podIP"], "nodeName" in pod["spec"]), ("10.0.0.1", False))
        pod = self.client.ask("PATCH", PODS + "/p", {"status": {"podIP": "x"}}, **MERGE)[1]
        self.assertEqual(pod["status"]["podIP"], "10.0.0.1")

    def test_generations_count_changes_of_the_spec(self):
        path = SELECTS + "/v"
        self.create({"metadata": {"name": "v"}, "spec": {"hosts": ["a"]}}, SELECTS)
        for patch, wanted in (({"spec": {"hosts": ["b"]}}, 2), ({"metadata": {"labels": {}}}, 2)):
            found = self.client.ask("PATCH", path, patch, **MERGE)[1]
            self.assertEqual(found["metadata"]["generation"], wanted)
        found = self.client.ask("PATCH", path + "/status", {"status": {"a": 1}}, **MERGE)[1]
        self.assertEqual((found["metadata"]["generation"], found["status"]), (2, {"a": 1}))

    def test_a_custom_object_is_one_at_all_versions(self):
        self.create({"metadata": {"name": "v"}, "spec": {"hosts": ["a"]}}, SELECTS)
        other = self.client.get(SELECTS.replace("v1", "v1alpha3") + "/v")
        self.assertEqual(other["apiVersion"], "networking.istio.io/v1alpha3")

    def test_patches(self):
        path = PODS + "/p"
        self.create({"metadata": {"name": "p"}, "spec": {"containers": [
            {"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}, PODS)
        strategic = {"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "c"}],
                              "$setElementOrder/containers": []}}
        found = self.client.ask("PATCH", path, strategic,
                                Content_Type="application/strategic-merge-patch+json")[1]
        self.assertEqual(found["spec"]["containers"], [
            {"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c"}])
        steps = [{"op": "test", "path": "/spec/containers/0/name", "value": "a"},
                 {"op": "remove", "path": "/spec/containers/0"},
                 {"op": "add", "path": "/metadata/labels", "value": {"a/b": "1"}}]
        kind = {"Content_Type": "application/json-patch+json"}
        found = self.client.ask("PATCH", path, steps, **kind)[1]
        self.assertEqual((len(found["spec"]["containers"]), found["metadata"]["labels"]),
                         (2, {"a/b": "1"}))
        self.status(self.client.ask("PATCH", path, steps, **kind), 422, "Invalid")
        self.create({"metadata": {"name": "v"}, "spec": {}}, SELECTS)
        self.status(self.client.ask("PATCH", SELECTS + "/v", {}, Content_Type=(
            "application/strategic-merge-patch+json")), 415, "UnsupportedMediaType")

    def test_server_side_apply_knows_whose_field_is_whose(self):
        def apply(manager, spec, more=""):
            return self.client.ask(
                "PATCH", SELECTS + "/v?fieldManager=" + manager + more,
                {"metadata": {"name": "v"}, "spec": spec},
                Content_Type="application/apply-patch+yaml")
        self.assertEqual(apply("one", {"hosts": ["a"], "gateways": ["g"]})[0], 201)
        self.assertEqual(apply("two", {"exportTo": ["."]})[0], 200)
        self.status(apply("two", {"hosts": ["b"]}), 409, "Conflict")
        code, found = apply("two", {"hosts": ["b"]}, "&force=true")
        self.assertEqual((code, found["spec"]), (200, {"hosts": ["b"], "gateways": ["g"]}))
        self.assertEqual(apply("one", {})[1]["spec"], {"hosts": ["b"]})

    def test_finalizers_hold_an_object(self):
        self.create(service("a", finalizers=["x/y"]))
        found = self.client.ask("DELETE", SERVICES + "/a")[1]
        self.assertIn("deletionTimestamp", found["metadata"])
        self.client.ask("PATCH", SERVICES + "/a", {"metadata": {"finalizers": None}}, **MERGE)
        self.status(self.client.ask("GET", SERVICES + "/a"), 404, "NotFound")

    def test_a_delete_may_name_the_object_it_means(self):
        made = self.create(service("a"))
        self.status(self.client.ask("DELETE", SERVICES + "/a", {"preconditions": {"uid": "other"}}),
                    409, "Conflict")
        self.assertEqual(self.client.ask("DELETE", SERVICES + "/a", {
            "preconditions": {"uid": made["metadata"]["uid"]}})[0], 200)

    def test_a_namespace_takes_its_objects_along(self):
        self.create({"metadata": {"name": "shop"}}, "/api/v1/namespaces")
        path = "/api/v1/namespaces/shop/services"
        self.create(service("a"), path)
        self.client.ask("DELETE", "/api/v1/namespaces/shop")
        self.assertEqual(self.client.get(path)["items"], [])
        self.status(self.client.ask("POST", path, service("a")), 404, "NotFound")

    def test_a_dry_run_changes_nothing(self):
        self.assertEqual(self.client.ask("POST", SERVICES + "?dryRun=All", service("a"))[0], 201)
        self.assertEqual(self.client.get(SERVICES)["items"], [])

    def test_a_schema_prunes_and_refuses(self):
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "mode": {"type": "string", "enum": ["A", "B"]}}}}}
        crd = {"metadata": {"name": "things.example.com"}, "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True,
                          "schema": {"openAPIV3Schema": schema}}]}}
        self.create(crd, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        path = "/apis/example.com/v1/namespaces/default/things"
        made = self.create({"metadata": {"name": "t"}, "spec": {"mode": "A", "other": 1}}, path)
        self.assertEqual(made["spec"], {"mode": "A"})
        self.assertIn('spec.mode: Unsupported value: "C"', self.status(self.client.ask(
            "POST", path, self.whole({"metadata": {"name": "u"}, "spec": {"mode": "C"}}, path)),
            422, "Invalid"))


class Access(ServerCase):
    options = {"enforce": True}

    def setUp(self):
        super().setUp()
        self.server.load("""
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: read}
rules: [{apiGroups: [""], resources: [services], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: read}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: read}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
""")
        self.client.ask("POST", "/fake/tokens", {
            "token": "root", "username": "admin", "groups": ["system:masters"]})
        self.root = {"Authorization": "Bearer root"}

    def token(self, audiences=()):
        path = "/api/v1/namespaces/default/serviceaccounts/reader/token"
        code, made = self.client.ask("POST", path, {"spec": {"audiences": list(audiences)}},
                                     **self.root)
        self.assertEqual(code, 201, made)
        return made["status"]["token"]

    def test_roles_decide(self):
        reader = {"Authorization": "Bearer " + self.token()}
        self.client.get(SERVICES, **reader)
        message = self.status(self.client.ask("POST", SERVICES, service("a"), **reader), 403,
                              "Forbidden")
        self.assertIn('User "system:serviceaccount:default:reader" cannot create resource '
                      '"services" in API group "" in the namespace "default"', message)
        self.status(self.client.ask("GET", SERVICES), 403, "Forbidden")
        self.status(self.client.ask("GET", SERVICES, Authorization="Bearer no"), 401, "Unauthorized")

    def test_reviews_say_who_and_what(self):
        def review(token, audiences):
            return self.client.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
                "spec": {"token": token, "audiences": audiences}}, **self.root)[1]["status"]
        token = self.token(["istio-ca"])
        good = review(token, ["istio-ca", "other"])
        self.assertEqual((good["authenticated"], good["user"]["username"], good["audiences"]),
                         (True, "system:serviceaccount:default:reader", ["istio-ca"]))
        self.assertNotIn("authenticated", review(token, ["elsewhere"]))
        self.assertNotIn("authenticated", review(token[:-3] + "xyz", ["istio-ca"]))
        for verb, wanted in (("list", True), ("delete", False)):
            found = self.client.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
                "spec": {"user": "system:serviceaccount:default:reader", "resourceAttributes": {
                    "verb": verb, "resource": "services", "group": ""}}}, **self.root)[1]
            self.assertEqual(found["status"]["allowed"], wanted, verb)


class Bodies(ServerCase):
    """What a body may say, and in which form."""

    def test_what_a_kind_does_not_know_is_said_or_refused(self):
        for path, obj, field in (
                (SERVICES, dict(service("a"), spec={"ports": [{"port": 80}], "portz": 1}), "spec.portz"),
                (SERVICES, dict(service("a"), more=1), "more")):
            message = self.status(self.client.ask(
                "POST", path + "?fieldValidation=Strict", self.whole(obj, path)), 400, "BadRequest")
            self.assertIn('strict decoding error: unknown field "%s"' % field, message)
            answer = self.client.send("POST", path + "?dryRun=All", self.whole(obj, path))
            self.assertEqual((answer.status, answer.getheader("Warning")),
                             (201, '299 - "unknown field \\"%s\\""' % field))
            answer.read()
            answer.connection.close()

    def test_what_cannot_be_read_is_refused(self):
        for path, obj, wanted in (
                (SERVICES, dict(service("a"), spec={"ports": "x"}), "cannot unmarshal string"),
                ("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "c"}, "data": {"a": 1}},
                 "cannot unmarshal number"),
                ("/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "data": {"a": "%"}},
                 "illegal base64 data")):
            self.assertIn(wanted, self.status(self.client.ask("POST", path, obj), 400, "BadRequest"))

    def test_nulls_are_as_if_they_were_not_there(self):
        path = "/api/v1/namespaces/default/configmaps"
        made = self.create({"metadata": {"name": "c", "labels": None, "annotations": {"a": None}},
                            "data": None}, path)
        self.assertEqual((made.get("data"), made["metadata"]["annotations"]), (None, {"a": ""}))
        self.assertNotIn("labels", made["metadata"])

    def test_a_custom_object_says_its_kind_and_is_replaced_at_its_version(self):
        bare = {"metadata": {"name": "v"}, "spec": {"hosts": ["a"]}}
        self.assertIn("Object 'Kind' is missing", self.status(
            self.client.ask("POST", SELECTS, bare), 400, "BadRequest"))
        self.create(bare, SELECTS)
        self.assertIn("must be specified for an update", self.status(
            self.client.ask("PUT", SELECTS + "/v", self.whole(bare, SELECTS)), 422, "Invalid"))

    def test_some_kinds_are_made_by_an_update(self):
        self.assertEqual(self.client.ask("PUT", SERVICES + "/n", service("n"))[0], 201)
        path = "/api/v1/namespaces/default/configmaps/c"
        self.status(self.client.ask("PUT", path, {"metadata": {"name": "c"}}), 404, "NotFound")
        old = self.client.get(SERVICES + "/n")
        self.client.ask("DELETE", SERVICES + "/n")
        self.status(self.client.ask("PUT", SERVICES + "/n", old), 409, "Conflict")
