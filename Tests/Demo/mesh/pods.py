# SPDX-License-Identifier: Apache-2.0
"""Pods and services as the configuration directory has them."""


class Pod:
    """One pod of the box: what it is, and where it can be reached once it runs."""

    def __init__(self, document):
        meta, status = document["metadata"], document["status"]
        self.name, self.kubernetes_namespace = meta["name"], meta["namespace"]
        self.labels = meta.get("labels", {})
        self.address = status["podIP"]
        self.gateway = "istio" in self.labels
        self.app = self.labels["app"]
        self.version = self.labels.get("version", "v1")
        self.namespace = None             # the network namespace
        self.listen = (self.address, 9080)  # where the application answers, past the proxy
        self.admin = ("127.0.0.1", 15000)
        self.children = []

    @property
    def label_text(self):
        """KEY=VALUE,... as run.sh takes them."""
        return ",".join("%s=%s" % pair for pair in self.labels.items())


def pods(config):
    """The pods of a configuration directory, by name."""
    return {pod.name: pod for pod in map(Pod, config.all("Pod"))}


def addresses(config):
    """Cluster IP of every service, by (name, namespace)."""
    return {(s["metadata"]["name"], s["metadata"]["namespace"]): s["spec"]["clusterIP"]
            for s in config.all("Service") if s["spec"].get("clusterIP", "None") != "None"}
