# SPDX-License-Identifier: Apache-2.0
"""Istio's own istiod chart with only the image changed: all that its container is given is understood."""
import os
import re
import shutil

from cluster import Cluster
from mesh import paths
from mesh.client import wait_until
from mesh.ports import free_ports

CONFIG = os.path.join(paths.ROOT, "config")
#: What the chart's container is given at its standard values, and what switches add (release 1.30).
ARGUMENTS = ["discovery", "--monitoringAddr=:15014", "--log_output_level=default:info",
             "--log_as_json", "--domain", "cluster.local", "--cniNamespace=istio-system",
             "--keepaliveMaxServerConnectionAge", "30m"]
VARIABLES = {
    "REVISION": "default", "PILOT_CERT_PROVIDER": "istiod", "POD_NAME": "istiod-1",
    "POD_NAMESPACE": "istio-system", "SERVICE_ACCOUNT": "istiod",
    "KUBECONFIG": "/var/run/secrets/remote/config",
    "CA_TRUSTED_NODE_ACCOUNTS": "istio-system/ztunnel", "GODEBUG": "fips140=only",
    "PILOT_TRACE_SAMPLING": "1", "PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS": "true",
    "PILOT_NODE_UNTAINT_CONTROLLERS_TAINT_NAME": "cni.istio.io/not-ready",
    "EXTERNAL_ISTIOD": "false", "PILOT_CA_CERT_CONFIGMAP": "istio-ca-root-cert",
    "PILOT_CRL_CONFIGMAP": "istio-ca-crl", "PILOT_ENABLE_ANALYSIS": "false",
    "CLUSTER_ID": "Kubernetes", "PLATFORM": ""}
MOUNTS = ["/var/run/secrets/tokens", "/var/run/secrets/istio-dns", "/etc/cacerts",
          "/var/run/secrets/remote", "/cacerts", "/var/run/secrets/istiod/tls",
          "/var/run/secrets/istiod/ca"]
PORTS = {"http-debug": 8080, "grpc-xds": 15010, "tls-xds": 15012, "https-webhooks": 15017,
         "http-monitoring": 15014}
SERVICE_PORTS = {"grpc-xds": (15010, 15010), "https-dns": (15012, 15012),
                 "https-webhook": (443, 15017), "http-monitoring": (15014, 15014)}
PROBE = {"httpGet": {"path": "/ready", "port": 8080}, "initialDelaySeconds": 1,
         "periodSeconds": 3, "timeoutSeconds": 5}
GUARD = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
#: Of the chart's labels those that others select on or look for.
LABELS = {"app": "istiod", "istio.io/rev": "default", "istio": "pilot",
          "sidecar.istio.io/inject": "false", "istio.io/dataplane-mode": "none"}


def _read_only(command):
    """The command where nothing can be written but files that are open; as it is without root."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        print("      not root: the file system stays writable", flush=True)
        return command
    script = "mount --make-rprivate / && for m in $(awk '{print $5}' /proc/self/mountinfo); do " \
             "mount -o remount,bind,ro $m 2>/dev/null; done; touch /tmp/x 2>/dev/null && exit 9; " \
             'exec "$0" "$@"'
    return ["unshare", "-m", "sh", "-c", script, *command]


def test_the_charts_container(start):
    """With the chart's arguments and variables it serves the cluster of KUBECONFIG, warns of none, and writes nothing"""
    with Cluster() as cluster:
        http, monitoring, secure, webhooks = free_ports(4)
        variables = dict(VARIABLES, KUBECONFIG=cluster.config)
        daemon = start(kubeconfig=cluster.config, environment=variables)
        # The chart's extraContainerArgs: here they make room for others on this machine.
        daemon.command = _read_only([daemon.command[0], *ARGUMENTS, *(
            "--%s=127.0.0.1:%d" % pair for pair in (
                ("monitoringAddr", monitoring), ("httpAddr", http), ("secureGRPCAddr", secure),
                ("httpsAddr", webhooks), ("grpcAddr", int(daemon.ads.rpartition(":")[2]))))])
        daemon.http, daemon.monitoring = ("127.0.0.1", http), ("127.0.0.1", monitoring)
        with daemon:
            services = {s["Attributes"]["Name"] for s in daemon.json("/debug/registryz")}
            assert "reviews" in services, services
            with open(daemon.log) as file:
                lines = file.read().splitlines()
            assert lines and all(line.startswith("{") for line in lines), "not all lines are JSON"
            bad = [l for l in lines if '"level":"error"' in l or re.search(
                r"unknown (flag|argument|variable)|cannot be used|not used: -", l)]
            assert not bad, bad
            assert any(r.path.endswith("/services") for r in cluster.server.api.requests)
            wait_until("metrics", lambda: daemon.metrics(), 20)


def _tables():
    """The first cells of config/README.md's tables, as one text."""
    with open(os.path.join(CONFIG, "README.md")) as file:
        return "\n".join(l.split("|")[1] for l in file if l.startswith("| `"))


def test_the_chart_is_told_of(start):
    """config/README.md tells of every argument, variable and mount of the chart"""
    del start
    told = _tables()
    names = [a.split("=")[0] for a in ARGUMENTS if a.startswith("-")] + list(VARIABLES) + MOUNTS
    missing = [n for n in names if "`%s" % n not in told]
    assert not missing, missing


def test_the_deployment_is_istiods(start):
    """config/kubernetes has the chart's names, labels, ports, probe and limits of the container"""
    del start
    import yaml
    with open(os.path.join(CONFIG, "kubernetes", "istiod.yaml")) as file:
        objects = {o["kind"]: o for o in yaml.safe_load_all(file)}
    for kind in ("Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"):
        assert objects[kind]["metadata"]["name"] == "istiod", kind
    template = objects["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert labels.items() >= LABELS.items(), labels
    assert template["spec"]["serviceAccountName"] == "istiod"
    container, = template["spec"]["containers"]
    assert container["name"] == "discovery"
    assert {p["name"]: p["containerPort"] for p in container["ports"]} == PORTS
    assert container["readinessProbe"] == PROBE
    assert container["securityContext"].items() >= GUARD.items()
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container["args"]) <= set(ARGUMENTS), container["args"]
    assert {v["name"] for v in container["env"]} <= set(VARIABLES)
    assert {m["mountPath"] for m in container["volumeMounts"]} <= set(MOUNTS)
    found = {p["name"]: (p["port"], p.get("targetPort", p["port"]))
             for p in objects["Service"]["spec"]["ports"]}
    assert found == SERVICE_PORTS, found
    selector = objects["Service"]["spec"]["selector"]
    assert labels.items() >= selector.items() and selector["app"] == "istiod"
