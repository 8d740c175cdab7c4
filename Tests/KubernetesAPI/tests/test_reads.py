# SPDX-License-Identifier: Apache-2.0
"""get, list, and the versions at which they answer."""
from .client import SERVICES, ServerCase, service


class Lists(ServerCase):
    def setUp(self):
        super().setUp()
        self.made = [self.create(service("s%d" % n, labels={"even": str(n % 2 == 0).lower()}))
                     for n in range(5)]

    def names(self, found):
        return [i["metadata"]["name"] for i in found["items"]]

    def test_chunks_show_the_state_of_the_first(self):
        first = self.client.get(SERVICES + "?limit=2")
        self.assertEqual(self.names(first), ["s0", "s1"])
        self.assertEqual(first["metadata"]["remainingItemCount"], 3)
        self.client.ask("DELETE", SERVICES + "/s2")
        self.create(service("s9"))
        token = first["metadata"]["continue"]
        second = self.client.get(SERVICES + "?limit=2&continue=" + token)
        self.assertEqual(self.names(second), ["s2", "s3"])
        self.assertEqual(second["metadata"]["resourceVersion"],
                         first["metadata"]["resourceVersion"])
        last = self.client.get(SERVICES + "?limit=2&continue=" + second["metadata"]["continue"])
        self.assertEqual(self.names(last), ["s4"])
        self.assertNotIn("continue", last["metadata"])
        self.assertEqual(self.names(self.client.get(SERVICES)), ["s0", "s1", "s3", "s4", "s9"])

    def test_a_token_that_was_compacted_is_gone_but_says_how_to_go_on(self):
        token = self.client.get(SERVICES + "?limit=2")["metadata"]["continue"]
        self.create(service("s9"))
        self.client.ask("POST", "/fake/compact")
        answer = self.client.ask("GET", SERVICES + "?limit=2&continue=" + token)
        self.status(answer, 410, "Expired")
        rest = self.client.get(SERVICES + "?continue=" + answer[1]["metadata"]["continue"])
        self.assertEqual(self.names(rest), ["s2", "s3", "s4", "s9"])

    def test_an_exact_version_is_answered_while_it_is_remembered(self):
        then = self.made[-1]["metadata"]["resourceVersion"]
        self.client.ask("DELETE", SERVICES + "/s0")
        exact = SERVICES + "?resourceVersionMatch=Exact&resourceVersion=" + then
        found = self.client.get(exact)
        self.assertEqual(self.names(found), ["s0", "s1", "s2", "s3", "s4"])
        self.assertEqual(dict(found["items"][0], apiVersion="v1", kind="Service"), self.made[0])
        self.assertEqual(self.names(self.client.get(SERVICES + "?resourceVersion=" + then)),
                         ["s1", "s2", "s3", "s4"])
        self.client.ask("POST", "/fake/compact")
        self.status(self.client.ask("GET", exact), 410, "Expired")

    def test_a_version_of_the_future_is_too_large(self):
        answer = self.client.ask("GET", SERVICES + "?resourceVersion=999999")
        self.assertIn("Too large resource version", self.status(answer, 504, "Timeout"))
        self.assertEqual(answer[1]["details"]["causes"][0]["reason"], "ResourceVersionTooLarge")

    def test_version_zero_ignores_the_limit(self):
        self.assertEqual(len(self.client.get(SERVICES + "?resourceVersion=0&limit=2")["items"]), 5)

    def test_options_that_contradict_each_other_are_refused(self):
        for query in ("resourceVersionMatch=Exact", "resourceVersionMatch=Exact&resourceVersion=0",
                      "sendInitialEvents=true", "watch=1&sendInitialEvents=true"):
            code, found = self.client.ask("GET", SERVICES + "?" + query)
            if code == 200:
                self.assertEqual(found["type"], "ERROR")
                found = found["object"]
            self.assertEqual(found["reason"], "Invalid", query)

    def test_selectors(self):
        for query, wanted in (
                ("labelSelector=even%3Dtrue", ["s0", "s2", "s4"]),
                ("labelSelector=even+notin+(true)", ["s1", "s3"]),
                ("labelSelector=!even", []),
                ("fieldSelector=metadata.name%3Ds3", ["s3"])):
            self.assertEqual(self.names(self.client.get(SERVICES + "?" + query)), wanted, query)
        self.status(self.client.ask("GET", SERVICES + "?fieldSelector=spec.type%3DX"), 400,
                    "BadRequest")

    def test_other_forms(self):
        table = self.client.get(SERVICES, Accept="application/json;as=Table;g=meta.k8s.io;v=v1")
        self.assertEqual(table["kind"], "Table")
        self.assertEqual(table["rows"][0]["cells"][:2], ["s0", "ClusterIP"])
        partial = self.client.get(
            SERVICES, Accept="application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
        self.assertEqual(partial["items"][0]["kind"], "PartialObjectMetadata")
        self.assertNotIn("spec", partial["items"][0])
        self.status(self.client.ask("GET", SERVICES, Accept="text/plain"), 406, "NotAcceptable")


class Discovery(ServerCase):
    def test_kinds_are_found_at_all_their_versions(self):
        for path in ("/api/v1", "/apis/networking.istio.io/v1", "/apis/networking.istio.io/v1beta1",
                     "/apis/discovery.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1"):
            found = self.client.get(path)
            self.assertEqual(found["kind"], "APIResourceList")
        groups = {g["name"]: g for g in self.client.get("/apis")["groups"]}
        istio = groups["networking.istio.io"]
        self.assertEqual([v["version"] for v in istio["versions"]], ["v1", "v1beta1", "v1alpha3"])
        self.assertEqual(self.client.get("/api")["versions"], ["v1"])

    def test_what_is_not_there(self):
        for path in ("/apis/networking.istio.io/v1/nothings", "/apis/nobody.io/v1"):
            self.assertEqual(self.client.ask("GET", path), (404, b"404 page not found\n"))
        message = self.status(self.client.ask("GET", SERVICES + "/none"), 404, "NotFound")
        self.assertEqual(message, 'services "none" not found')


class TLS(ServerCase):
    options = {"tls": True}

    def test_a_client_that_knows_the_authority_is_answered(self):
        self.assertTrue(self.server.address.startswith("https://"))
        self.create(service("a"))
        watch = self.watch()
        self.assertEqual(watch.brief(), ("ADDED", "a"))
        self.create(service("b"))
        self.assertEqual(watch.brief(), ("ADDED", "b"))
