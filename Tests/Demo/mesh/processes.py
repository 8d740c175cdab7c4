# SPDX-License-Identifier: Apache-2.0
"""The box's own children: started in a namespace as a user, and ended by their ids."""
import os
import shutil
import signal
import subprocess


class Child:
    """One process, its log beside it."""

    def __init__(self, name, command, log, namespace=None, user=None, environment=None):
        self.name, self.log = name, log
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        if shutil.which("setpriv"):  # a driver that is killed takes its children with it
            prefix += ["setpriv", "--pdeathsig", "KILL"]
            if user:
                prefix += ["--reuid", str(user[0]), "--regid", str(user[1]), "--clear-groups"]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                prefix + command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, env=dict(os.environ, **(environment or {})))

    @property
    def running(self):
        """Whether it has not ended."""
        return self.process.poll() is None

    def signal(self, number):
        """Sends it a signal, where it still runs."""
        if self.running:
            self.process.send_signal(number)

    def stop(self, patience=5.0):
        """SIGTERM, then SIGKILL; returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def tail(self, lines=15):
        """The end of its log."""
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-lines:])


def stop_all(children, patience=5.0):
    """Ends many at once: all are told first, then waited for."""
    for child in children:
        child.signal(signal.SIGTERM)
    for child in children:
        child.stop(patience)
