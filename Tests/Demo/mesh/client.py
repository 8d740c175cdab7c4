# SPDX-License-Identifier: Apache-2.0
"""HTTP as a program inside a namespace sends it, and waiting for something to become true."""
import http.client
import json
import socket
import time

from . import netns


class Answer:
    """What came back: status 0 where there was no answer, with the reason as body."""

    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def json(self):
        """The body as JSON, or {}."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class _Connection(http.client.HTTPConnection):
    def __init__(self, namespace, address, timeout):
        super().__init__(address[0], address[1], timeout=timeout)
        self.namespace = namespace

    def connect(self):
        with netns.inside(self.namespace):
            self.sock = socket.create_connection((self.host, self.port), self.timeout)


def get(namespace, address, path, headers=None, timeout=15.0, method="GET"):
    """One request on a connection of its own."""
    began = time.monotonic()
    connection = _Connection(namespace, address, timeout)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        return Answer(answer.status, dict(answer.getheaders()), body, time.monotonic() - began)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, "%s: %s" % (type(error).__name__, error), time.monotonic() - began)
    finally:
        connection.close()


class TimedOut(Exception):
    """What was waited for did not come."""


def wait_until(what, condition, timeout=20.0, interval=0.03):
    """Polls until condition() is true, and returns what it returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimedOut("%.0f s passed without: %s" % (timeout, what))
        time.sleep(interval)
