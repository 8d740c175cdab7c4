# SPDX-License-Identifier: Apache-2.0
"""watch, and what goes wrong with it."""
import http.client

from .client import SERVICES, ServerCase, service


class Watches(ServerCase):
    options = {"bookmark_interval": 0.2}

    def version(self):
        return self.client.get(SERVICES)["metadata"]["resourceVersion"]

    def test_events_follow_a_version_in_order(self):
        before = self.version()
        made = self.create(service("a"))
        made["spec"]["ports"][0]["port"] = 81
        self.client.ask("PUT", SERVICES + "/a", made)
        self.client.ask("DELETE", SERVICES + "/a")
        watch = self.watch(resourceVersion=before)
        frames = [watch.next() for _ in range(3)]
        self.assertEqual([f["type"] for f in frames], ["ADDED", "MODIFIED", "DELETED"])
        versions = [int(f["object"]["metadata"]["resourceVersion"]) for f in frames]
        self.assertEqual(versions, sorted(set(versions)))
        self.assertEqual(versions[-1], int(self.version()))

    def test_a_streaming_list_ends_its_state_with_a_bookmark(self):
        self.create(service("b"))
        self.create(service("a"))
        watch = self.watch(sendInitialEvents="true", resourceVersionMatch="NotOlderThan",
                           allowWatchBookmarks="true", resourceVersion="")
        self.assertEqual([watch.brief(), watch.brief()], [("ADDED", "a"), ("ADDED", "b")])
        end = watch.next()
        self.assertEqual(end["type"], "BOOKMARK")
        self.assertEqual(end["object"]["metadata"]["annotations"],
                         {"k8s.io/initial-events-end": "true"})
        self.assertEqual(end["object"]["metadata"]["resourceVersion"], self.version())
        self.create(service("c"))
        while (frame := watch.brief())[0] == "BOOKMARK":
            pass
        self.assertEqual(frame, ("ADDED", "c"))

    def test_bookmarks_carry_the_version_of_other_kinds_changes(self):
        watch = self.watch(resourceVersion=self.version(), allowWatchBookmarks="true")
        self.client.ask("POST", "/fake/advance", {"versions": 50})
        wanted = self.version()
        while (frame := watch.next())["object"]["metadata"]["resourceVersion"] != wanted:
            self.assertEqual(frame["type"], "BOOKMARK")

    def test_a_watch_ends_cleanly_when_its_time_is_over(self):
        watch = self.watch(resourceVersion=self.version(), timeoutSeconds=1)
        self.assertIsNone(watch.next())

    def test_a_version_that_was_compacted_is_expired_in_an_event(self):
        before = self.version()
        self.create(service("a"))
        self.client.ask("POST", "/fake/compact")
        watch = self.watch(resourceVersion=before)
        frame = watch.next()
        self.assertEqual((frame["type"], frame["object"]["code"], frame["object"]["reason"]),
                         ("ERROR", 410, "Expired"))
        self.assertIsNone(watch.next())

    def test_what_leaves_a_selection_looks_deleted(self):
        self.create(service("a", labels={"x": "1"}))
        watch = self.watch(labelSelector="x=1")
        self.assertEqual(watch.brief(), ("ADDED", "a"))
        for labels, wanted in (({"x": "2"}, "DELETED"), ({"x": "1"}, "ADDED"),
                               ({"x": "1", "y": "1"}, "MODIFIED")):
            self.client.ask("PATCH", SERVICES + "/a", {"metadata": {"labels": labels}},
                            Content_Type="application/merge-patch+json")
            self.assertEqual(watch.brief(), (wanted, "a"))

    def test_an_object_that_is_made_again_has_another_uid(self):
        watch = self.watch()
        uids = []
        for _ in range(2):
            uids.append(self.create(service("a"))["metadata"]["uid"])
            self.client.ask("DELETE", SERVICES + "/a")
        frames = [watch.next() for _ in range(4)]
        self.assertEqual([f["type"] for f in frames], ["ADDED", "DELETED"] * 2)
        self.assertEqual([f["object"]["metadata"]["uid"] for f in frames],
                         [uids[0], uids[0], uids[1], uids[1]])

    def test_a_kind_that_goes_takes_its_watches_along(self):
        path = "/apis/networking.istio.io/v1/virtualservices"
        watch = self.watch(path)
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        name = "/virtualservices.networking.istio.io"
        crd = self.client.get(crds + name)
        self.client.ask("DELETE", crds + name)
        self.assertIsNone(watch.next())
        self.assertEqual(self.client.ask("GET", path)[0], 404)
        self.create(dict(crd, metadata={"name": crd["metadata"]["name"]}), crds)
        self.assertEqual(self.client.get(path)["items"], [])


class Faults(ServerCase):
    def fault(self, **rule):
        self.assertEqual(self.client.ask("POST", "/fake/faults", rule)[0], 200)

    def test_too_many_requests_say_when_to_come_again(self):
        self.fault(match={"verb": "list"}, status=429, retryAfter=7, count=1)
        response = self.client.send("GET", SERVICES)
        self.assertEqual((response.status, response.headers["Retry-After"]), (429, "7"))
        response.read()
        response.connection.close()
        self.client.get(SERVICES)

    def test_a_list_is_cut_in_its_middle(self):
        self.fault(match={"resource": "services"}, cut="frame", count=1)
        response = self.client.send("GET", SERVICES)
        self.assertRaises(http.client.IncompleteRead, response.read)
        response.connection.close()

    def test_a_watch_is_cut_in_mid_frame(self):
        self.create(service("a"))
        self.create(service("b"))
        self.fault(match={"verb": "watch"}, cut="frame", cutAfter=1, count=1)
        watch = self.watch()
        self.assertEqual(watch.brief(), ("ADDED", "a"))
        # An IncompleteRead, or half a line.
        with self.assertRaises((http.client.HTTPException, ValueError)):
            watch.next()

    def test_events_come_twice(self):
        self.fault(match={"verb": "watch"}, duplicate=True)
        watch = self.watch()
        self.create(service("a"))
        self.assertEqual([watch.brief(), watch.brief()], [("ADDED", "a")] * 2)

    def test_a_held_kind_comes_after_the_others(self):
        maps = "/api/v1/namespaces/default/configmaps"
        services, others = self.watch(), self.watch(maps)
        self.client.ask("POST", "/fake/hold", {"resources": ["services"]})
        self.create(service("a"))
        self.create({"metadata": {"name": "m"}}, maps)
        self.assertEqual(others.brief(), ("ADDED", "m"))
        self.client.ask("DELETE", "/fake/hold")
        self.assertEqual(services.brief(), ("ADDED", "a"))

    def test_slow_answers_are_whole(self):
        self.create(service("a"))
        self.fault(match={"verb": "list"}, slow=[100, 0.001])
        self.assertEqual(len(self.client.get(SERVICES)["items"]), 1)

    def test_connections_are_refused_for_a_while(self):
        watch = self.watch()
        self.client.ask("POST", "/fake/refuse", {"seconds": 0.5})
        with self.assertRaises((http.client.HTTPException, OSError)):
            if watch.next() is None:
                raise ConnectionError
        self.assertRaises(ConnectionRefusedError, self.client.get, SERVICES)
        while True:
            try:
                self.client.get(SERVICES)
                break
            except ConnectionRefusedError:
                pass

    def test_a_misspelt_fault_is_refused(self):
        self.assertIn("no statsu", self.status(self.client.ask(
            "POST", "/fake/faults", {"statsu": 500}), 400, "BadRequest"))
