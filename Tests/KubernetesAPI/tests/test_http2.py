# SPDX-License-Identifier: Apache-2.0
"""HTTP/2, as curl speaks it."""
import json
import subprocess

from .client import SERVICES, ServerCase, service


class HTTP2(ServerCase):
    options = {"tls": True}

    def curl(self, *arguments, stdin=None):
        done = subprocess.run(["curl", "-sN", "--http2", "--cacert", self.server.authority,
                               "--max-time", "10", *arguments], capture_output=True, text=True,
                              input=stdin, check=False)
        return done.returncode, done.stdout

    def url(self, path):
        return self.server.address + path

    def test_lists_writes_and_long_bodies(self):
        body = json.dumps(service("a", annotations={"long": "x" * 200000}))
        code, found = self.curl("-w", "%{http_version} %{http_code}", "-d", "@-", "-o", "/dev/null",
                                "-H", "Content-Type: application/json", self.url(SERVICES),
                                stdin=body)
        self.assertEqual((code, found), (0, "2 201"))
        code, found = self.curl(self.url(SERVICES))
        annotations = json.loads(found)["items"][0]["metadata"]["annotations"]
        self.assertEqual(annotations["long"], "x" * 200000)

    def test_watches_share_a_connection(self):
        self.server.load(json.dumps(service("a")))
        query = "?watch=1&timeoutSeconds=1"
        code, found = self.curl("--parallel", self.url(SERVICES + query),
                                self.url("/api/v1/namespaces" + query), "-w", "%{num_connects}\n")
        self.assertEqual(code, 0)
        lines = found.splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        self.assertEqual(sum(e["object"]["kind"] == "Service" for e in events), 1)
        self.assertEqual(sum(e["object"]["kind"] == "Namespace" for e in events), 4)
        self.assertEqual(sum(int(line) for line in lines if line.isdigit()), 1)

    def test_a_cut_ends_the_connection(self):
        self.server.faults.add({"match": {"verb": "list"}, "cut": 10, "count": 1})
        code, found = self.curl(self.url(SERVICES))
        self.assertNotEqual(code, 0)
        self.assertEqual(len(found), 10)
        self.assertEqual(self.curl(self.url(SERVICES))[0], 0)
