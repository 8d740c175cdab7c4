# SPDX-License-Identifier: Apache-2.0
"""The operator's tool against a running control plane and real Envoys."""
import json
import os
import subprocess

from mesh.client import wait_until
from mesh.loopback import LoopbackBox


def test_navarchctl_tells_what_envoys_have(start):
    """navarchctl compares, lists, explains and sets levels"""
    box = LoopbackBox(start.program, "delta")
    control = os.path.join(os.path.dirname(start.program), "navarchctl")

    def run(*arguments):
        done = subprocess.run([control, *arguments, "--istiod", "%s:%d" % box.http],
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, "%s: %s" % (" ".join(arguments), done.stderr)
        return done.stdout

    try:
        box.start()
        rows = run("proxy-status").splitlines()
        assert rows[0].split("  ")[0] == "NAME" and len(rows) == 1 + len(box.pods), rows
        for pod in box.pods.values():
            name = "%s.%s" % (pod.name, pod.kubernetes_namespace)
            envoy = "%s:%d" % pod.admin
            wait_until(name + " has what it was served", lambda n=name, e=envoy: run(
                "proxy-status", n, "--envoy", e
            ) == "Clusters Match\nListeners Match\nRoutes Match\n", 20)
            for kind in ("cluster", "listener", "route"):
                served = run("proxy-config", kind, name)
                for line in served.splitlines()[1:]:
                    cells = line.split()
                    assert any(row.split() == cells for row in run(
                        "proxy-config", kind, "--envoy", envoy).splitlines()), (kind, line)
            assert "HEALTHY" in run("proxy-config", "endpoint", "--envoy", envoy)
            served = run("proxy-config", "endpoint", name)
            assert served == run("proxy-config", "eds", name) and "HEALTHY" in served, served
            short = run("proxy-config", "bootstrap", "--envoy", envoy, "-o", "short")
            assert "Envoy Version: 1." in " ".join(short.split()), short
            whole = json.loads(run("pc", "b", "--envoy", envoy))
            assert whole["bootstrap"]["node"]["id"], whole
            assert run("pc", "ecds", "--envoy", envoy).splitlines()[0].split() == ["ECDS", "NAME", "TYPE"]
            assert "\ncluster/" in run("pc", "all", "--envoy", envoy)
        answer = json.loads(run("proxy-status", "-o", "json"))
        ids = {r["node"]["id"] for r in answer["resources"]}
        assert ids == {"%s.%s" % (p.name, p.kubernetes_namespace) for p in box.pods.values()}, ids
        assert {c["configStatus"] for r in answer["resources"]
                for c in r["genericXdsConfigs"]} == {"SYNCED"}, answer
        assert json.loads(answer["controlPlane"]["identifier"])["Component"] == "istiod"
        assert "SYNCED (" in run("proxy-status", "-v", "1")
        asked = ("explain", "productpage-v1.default", "http://reviews:9080/reviews/0")
        outcome = json.loads(run(*asked, "-o", "json"))["outcome"]
        assert outcome and run(*asked).splitlines()[0] == outcome
        before = {s["name"]: s["output_level"] for s in json.loads(run("admin", "log", "-o=json"))}
        run("admin", "log", "--level", "ads:debug")
        after = {s["name"]: s["output_level"] for s in json.loads(run("admin", "log", "-o=json"))}
        assert after == dict(before, ads="debug"), after
    finally:
        box.close(keep_logs=bool(os.environ.get("KEEP_LOGS")))
