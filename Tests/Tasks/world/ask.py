# SPDX-License-Identifier: Apache-2.0
"""Requests as a program in a pod, or one outside the mesh, sends them."""
import http.client
import json
import socket
import ssl
import time

from mesh import netns


class Answer:
    """What came back: status 0 where nothing did, with the reason as text."""

    def __init__(self, status, text, seconds, tls_failure=False):
        self.status, self.text, self.seconds = status, text, seconds
        self.tls_failure = tls_failure
        try:
            self.world = json.loads(text)
        except ValueError:
            self.world = {}
        if not isinstance(self.world, dict):
            self.world = {}

    def __str__(self):
        return "%d after %.2f s: %s" % (self.status, self.seconds, self.text.strip()[:200])


class Target:
    """Where a request goes: an address, and how it is spoken to."""

    def __init__(self, namespace, address, host, scheme="http", path="/", method="GET",
                 headers=None, client=None, timeout=12.0):
        self.namespace, self.address, self.host = namespace, address, host
        self.scheme, self.path, self.method = scheme, path, method
        self.headers, self.client, self.timeout = headers or {}, client, timeout

    def connect(self):
        """A connection, with TLS where the scheme has it."""
        with netns.inside(self.namespace):
            connection = socket.create_connection(self.address, self.timeout)
        if self.scheme != "https":
            return connection
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.client:
            context.load_cert_chain(*self.client)
        return context.wrap_socket(connection, server_hostname=self.host)

    def ask(self):
        """One request on a connection of its own."""
        began = time.monotonic()
        try:
            with self.connect() as connection:
                status, text = self.speak(connection)
            return Answer(status, text, time.monotonic() - began)
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, "%s: %s" % (type(error).__name__, error), time.monotonic() - began,
                          isinstance(error, (ssl.SSLError, ConnectionResetError)))

    def speak(self, connection):
        """Sends the request; the status and text of the answer. A line over TCP counts as 200."""
        if self.scheme == "tcp":
            connection.sendall(b"hello\n")
            text = connection.makefile("rb").readline(65536).decode(errors="replace")
            if not text:
                raise ConnectionResetError("closed without an answer")
            return 200, text
        head = ["%s %s HTTP/1.1" % (self.method, self.path), "host: " + self.host,
                "connection: close"]
        head += ["%s: %s" % pair for pair in self.headers.items()]
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read().decode(errors="replace")
