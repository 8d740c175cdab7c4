# SPDX-License-Identifier: Apache-2.0
"""The server's door: connections, TLS, HTTP/1.1; http2.py has the rest."""
import http.server
import json
import select
import socket
import ssl
import threading

from .access import CLIENT_CERTIFICATE


class Listener:
    """Listens on one address; a thread a connection."""

    def __init__(self, api, host="127.0.0.1", port=0, context=None):
        self.api, self.host, self.context = api, host, context
        self.lock = threading.Lock()
        self.connections = set()
        self.closed = False
        self.socket = None
        self.port = port
        self.open()
        self.api.refuse = self.refuse

    def open(self):
        """Opens the door, at the port that it had."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((self.host, self.port))
        listening.listen(128)
        self.port = listening.getsockname()[1]
        self.socket = listening
        self.api.openings += 1
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def refuse(self, seconds):
        """Ends every connection and refuses new ones for a while."""
        self._shut()
        timer = threading.Timer(seconds, self._reopen)
        timer.daemon = True
        timer.start()

    def _reopen(self):
        if not self.closed:
            self.open()

    def close(self):
        """Closes the door for good."""
        self.closed = True
        self._shut()

    def _shut(self):
        listening, self.socket = self.socket, None
        if listening:
            try:
                listening.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listening.close()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            hang_up(connection)
        with self.api.store.changed:
            self.api.store.changed.notify_all()

    def _accept(self, listening):
        while True:
            try:
                connection, address = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, address), daemon=True).start()

    def _serve(self, connection, address):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.connections.add(connection)
        raw = connection
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                if connection.selected_alpn_protocol() == "h2":
                    from . import http2
                    return http2.Connection(connection, self.api, hang_up).run()
            Handler(connection, address, self)
        except (OSError, ValueError):
            pass  # The client hung up, or spoke no TLS.
        finally:
            with self.lock:
                self.connections.discard(raw)
            hang_up(connection)


def hang_up(connection):
    """Ends a connection at once."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def with_certificate(headers, connection):
    """The headers with who the client's certificate is of, which no client says itself."""
    headers.pop(CLIENT_CERTIFICATE, None)
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    if certificate:
        said = [pair for part in certificate["subject"] for pair in part]
        names = [v for k, v in said if k == "commonName"]
        headers[CLIENT_CERTIFICATE] = json.dumps(
            names + [v for k, v in said if k == "organizationName"])
    return headers


class Wire:
    """HTTP/1.1's way to answer: with a length where it is known, else in chunks."""

    def __init__(self, handler):
        self.handler, self.chunked, self.dead = handler, False, False

    @property
    def gone(self):
        """Whether the client hung up."""
        if self.dead:
            return True
        connection = self.handler.connection
        try:
            if isinstance(connection, ssl.SSLSocket):
                return connection.fileno() < 0
            readable, _, _ = select.select([connection], [], [], 0)
            return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def begin(self, code, headers, length):
        """The head."""
        self.handler.send_response(code)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.send_header("Audit-Id", "0")
        self.handler.send_header("Cache-Control", "no-cache, private")
        self.chunked = length is None
        if self.chunked:
            self.handler.send_header("Transfer-Encoding", "chunked")
        else:
            self.handler.send_header("Content-Length", str(length))
        self.handler.end_headers()
        self.handler.wfile.flush()

    def write(self, data):
        """A part of the body, sent at once."""
        if not data or self.handler.command == "HEAD":
            return
        try:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)
            self.handler.wfile.flush()
        except OSError:
            self.dead = True
            raise ConnectionError from None

    def end(self):
        """The body's end."""
        if self.chunked:
            self.handler.wfile.write(b"0\r\n\r\n")
            self.handler.wfile.flush()

    def cut(self):
        """The connection's end, in the middle of whatever it is."""
        self.dead = True
        hang_up(self.handler.connection)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""
    protocol_version = "HTTP/1.1"
    server_version = "navarch-test-apiserver"
    wbufsize = -1

    def _answer(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = with_certificate({k.lower(): v for k, v in self.headers.items()},
                                   self.connection)
        if not self.server.api.handle(self.command, self.path, headers, body, Wire(self)):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _chunks(self):
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return b"".join(parts)

    def log_message(self, *_):
        """Nothing: the latest requests are at /fake/requests."""
