# SPDX-License-Identifier: Apache-2.0
"""The simulated proxies of `adsload`, driven by lines."""
import json
import subprocess
import time


class Failed(Exception):
    """The generator ended, or its proxies did not do what was waited for."""


class Load:
    """A generator with its proxies; commands as methods."""

    def __init__(self, program, address, proxies, mode="delta", namespaces=20, reconnect=False):
        self.child = subprocess.Popen(
            [program, "--addr", address, "--proxies", str(proxies), "--mode", mode,
             "--namespaces", str(namespaces), "--reconnect", "yes" if reconnect else "no"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.proxies = proxies

    def command(self, line):
        """One command and its answer."""
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise Failed("the load generator ended with %s" % self.child.wait())
        return json.loads(answer)

    def cpu(self):
        """CPU seconds of the generator so far."""
        return self.command("report")["cpu_seconds"]

    def settle(self, wanted, quiet=500, timeout=600):
        """Waits until a report pleases and nothing came for `quiet` milliseconds; that report."""
        end = time.monotonic() + timeout
        while True:
            report = self.command("report")
            if report["errors"]:
                raise Failed("%d streams ended" % report["errors"])
            if wanted(report) and report["quiet_ms"] > quiet:
                return report
            if time.monotonic() > end:
                raise Failed("the proxies did not settle in %d s: %s" % (timeout, report))
            time.sleep(0.1)

    def close(self):
        self.command("disconnect")
        self.child.stdin.write("quit\n")
        self.child.stdin.close()
        self.child.wait(60)
