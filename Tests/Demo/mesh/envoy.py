# SPDX-License-Identifier: Apache-2.0
"""What an Envoy says of itself on its admin page."""
import json

from . import client


class Admin:
    """The admin page of one Envoy."""

    def __init__(self, namespace, address):
        self.namespace, self.address = namespace, address

    def text(self, path):
        """A page, or "" where it does not answer."""
        answer = client.get(self.namespace, self.address, path, timeout=5)
        return answer.body if answer.status == 200 else ""

    def json(self, path):
        """A page as JSON, or {}."""
        try:
            return json.loads(self.text(path) or "{}")
        except ValueError:
            return {}

    def ready(self):
        """Whether Envoy has been given all that it waits for at its start."""
        return self.text("/ready").strip() == "LIVE"

    def stat(self, name):
        """One counter or gauge; 0 where it is not there."""
        for line in self.text("/stats?filter=^%s$" % name.replace("|", "%7C")).splitlines():
            if line.startswith(name + ":"):
                return int(line.split(":")[-1])
        return 0

    def stats(self, pattern):
        """Counters and gauges whose name matches a regular expression."""
        out = {}
        for line in self.text("/stats?filter=" + pattern).splitlines():
            name, _, value = line.rpartition(": ")
            if value.isdigit():
                out[name] = int(value)
        return out

    def rejected(self):
        """How many updates it has refused, by kind."""
        return {k: v for k, v in self.stats("update_rejected").items() if v}

    def dump(self, resource):
        """config_dump of one repeated field, e.g. dynamic_route_configs."""
        return self.json("/config_dump?resource=" + resource).get("configs", [])

    def refusals(self):
        """The error texts of refused listeners, clusters and routes."""
        found = []
        for resource in ("dynamic_listeners", "dynamic_active_clusters",
                         "dynamic_warming_clusters", "dynamic_route_configs"):
            for entry in self.dump(resource):
                if "error_state" in entry:
                    found.append(entry["error_state"].get("details", "refused"))
        return found

    def has_route(self, name):
        """Whether a route of this name is in use."""
        return '"name": "%s"' % name in self.text("/config_dump?resource=dynamic_route_configs")

    def cluster(self, name):
        """One active cluster, or None."""
        for entry in self.dump("dynamic_active_clusters"):
            if entry.get("cluster", {}).get("name") == name:
                return entry["cluster"]
        return None

    def endpoints(self, cluster):
        """host:port of a cluster's endpoints."""
        for status in self.json("/clusters?format=json").get("cluster_statuses", []):
            if status["name"] == cluster:
                sockets = [h["address"]["socket_address"] for h in status.get("host_statuses", [])]
                return sorted("%s:%d" % (s["address"], s["port_value"]) for s in sockets)
        return []
