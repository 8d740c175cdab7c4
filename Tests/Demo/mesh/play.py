# SPDX-License-Identifier: Apache-2.0
"""What the scenarios are written in: edit, wait until the proxies have it, ask, count."""
import copy
import subprocess
import threading
import time
from collections import Counter

from . import client, paths


class Play:
    """One run of scenarios over one box."""

    def __init__(self, box, report, long_delay=7.0, timeout=20.0):
        self.box, self.report = box, report
        self.long_delay, self.timeout = long_delay, timeout
        self.baseline = copy.deepcopy(box.config.objects)
        self.edits = 0

    # Editing.
    def routes(self, name, http, hosts=None, gateways=None):
        """Writes a VirtualService and waits until every proxy that it concerns routes by it.

        The first route is given a name of its own, so that it can be told apart from the one
        before, whatever its form."""
        self.edits += 1
        marker = "edit-%d" % self.edits
        http = copy.deepcopy(http)
        http[0]["name"] = marker
        began = time.monotonic()
        self.box.config.virtual_service(name, http, hosts, gateways)
        gateway = [self.box.gateway] if gateways else []
        for pod in gateway or self.sidecars():
            self.until("%s to route %s by the new rule" % (pod.name, name),
                       lambda p=pod: self.box.admin(p).has_route(marker), pod)
        self.report.line("   edit of %s in every proxy after %.0f ms" % (
            name, (time.monotonic() - began) * 1000))

    def all_to_v1(self):
        """The state that scenarios start from: what the samples say, routed to v1."""
        self.box.config.restore(self.baseline)
        self.routes("reviews", [{"route": [_to("reviews", "v1")]}])
        self.routes("ratings", [{"route": [_to("ratings", "v1")]}])

    def keep_as_baseline(self, name):
        """Lets a VirtualService stay when a scenario starts afresh."""
        key = ("VirtualService", "default", name)
        self.baseline[key] = copy.deepcopy(self.box.config.objects[key])

    def until(self, what, condition, pod=None):
        """Waits; what the proxy refused is said where it does not come."""
        try:
            return client.wait_until(what, condition, self.timeout)
        except client.TimedOut as error:
            refused = self.box.admin(pod).refusals() if pod else []
            text = "%s%s" % (error, "; the proxy refused: " + "; ".join(refused) if refused else "")
            raise client.TimedOut(text) from None

    def sidecars(self):
        """Pods with a sidecar that runs."""
        return [pod for pod in self.box.pods.values() if not pod.gateway and pod.children]

    # Asking.
    def pod(self, name):
        """A pod by name."""
        return self.box.pods[name]

    def ask(self, service, path="/", headers=None, source="productpage-v1", timeout=20.0):
        """One request of a program in a pod to a service."""
        pod = self.pod(source)
        sent = {"Host": self.box.name_of(pod, service)}
        sent.update(headers or {})
        return client.get(pod.namespace, self.box.service(pod, service), path, sent, timeout)

    def ask_many(self, count, *arguments, **named):
        """Many requests, one after another."""
        return [self.ask(*arguments, **named) for _ in range(count)]

    def ask_together(self, count, *arguments, **named):
        """Many requests at the same time."""
        answers = []
        def one():
            answers.append(self.ask(*arguments, **named))
        threads = [threading.Thread(target=one) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def enter(self, path="/productpage", host="bookinfo.example", headers=None, timeout=20.0):
        """One request from outside, through the ingress gateway."""
        namespace, address = self.box.ingress()
        sent = {"Host": host}
        sent.update(headers or {})
        return client.get(namespace, address, path, sent, timeout)

    def counts(self, pod_name, reset=False):
        """What a pod's application says it was asked."""
        pod = self.pod(pod_name)
        return client.get(pod.namespace, pod.listen, "/count/reset" if reset else "/count").json

    # Load beside the scenarios.
    def load(self, rate, seconds, path, host, headers=()):
        """Starts the load generator against the ingress gateway, as a process."""
        namespace, address = self.box.ingress()
        command = ["ip", "netns", "exec", namespace] if namespace else []
        command += [paths.program("load"), "--url", "http://%s:%d%s" % (*address, path),
                    "--host", host, "--rate", str(rate), "--seconds", str(seconds)]
        for header in headers:
            command += ["--header", header]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _to(host, subset):
    return {"destination": {"host": host, "subset": subset}}


def versions(answers):
    """How often each version answered; statuses for what is no 200."""
    return Counter(a.json.get("version", "?") if a.status == 200 else a.status for a in answers)


def statuses(answers):
    """How often each status came."""
    return Counter(a.status for a in answers)
