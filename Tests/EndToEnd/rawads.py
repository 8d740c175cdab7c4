#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ADS clients over sockets of their own: what they read, and when, is theirs to choose.

  rawads.py HOST:PORT silent|flood|names|nodes|streams      behaves so until it is ended

HTTP/2 by hand, since a library reads ahead: a client that reads 1 kB/s has to leave the rest in the
server's socket.
"""
import os
import select
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Demo"))
from mesh import paths

if __name__ == "__main__":
    paths.with_yaml(__file__)
import wire

SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
DATA, HEADERS, RESET, SETTINGS, PING, WINDOW = 0, 1, 3, 4, 6, 8
WHOLE = (1 << 31) - 1


def node(number, family="raw"):
    """A sidecar's id."""
    return "sidecar~10.60.%d.%d~%s-%d.default~default.svc.cluster.local" % (
        number // 250, number % 250 + 1, family, number)


def request(short, node_id="", names=(), nonce="", padding=0):
    """The bytes of a state-of-the-world request."""
    from envoy.service.discovery.v3 import discovery_pb2
    message = discovery_pb2.DiscoveryRequest(type_url=wire.NAMES[short], response_nonce=nonce)
    if node_id:
        message.node.id = node_id
    if padding:
        message.node.cluster = "x" * padding
    message.resource_names.extend(names)
    return message.SerializeToString()


def _frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def _header(name, value):
    """A header field that is not indexed (RFC 7541, 6.2.2); names and values are short."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


class Connection:
    """One connection; its window is as large as can be, so that only the socket holds the server up."""

    def __init__(self, address, receive_buffer=None):
        self.host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((self.host, int(port)))
        self.streams, self.ended, self.received, self.is_open = 0, 0, 0, True
        # What the server takes: by stream, 0 for the connection, and of a new stream.
        self.credit, self.initial = {0: 65535}, 65535
        self._head, self._body, self._left = b"", b"", 0
        self._kind, self._flags, self._stream = None, 0, 0
        self.socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(SETTINGS, 0, 0, struct.pack(">HI", 4, WHOLE))
            + _frame(WINDOW, 0, 0, struct.pack(">I", WHOLE - 65535)))

    def open(self, *requests):
        """A stream that sends these requests; its number."""
        number = self.streams * 2 + 1
        self.streams += 1
        self.credit[number] = self.initial
        fields = [(":method", "POST"), (":scheme", "http"), (":path", SERVICE + "StreamAggregatedResources"),
                  (":authority", self.host), ("content-type", "application/grpc"), ("te", "trailers")]
        self.socket.sendall(
            _frame(HEADERS, 4, number, b"".join(_header(*field) for field in fields)))
        for each in requests:
            self.send(number, each)
        return number

    def send(self, stream, message):
        """A message of a stream, as fast as the server takes it; nothing once something has ended."""
        data = b"\0" + struct.pack(">I", len(message)) + message
        while data and not self.ended:
            room = min(self.credit[0], self.credit[stream], 16384)
            if room <= 0:
                if not self.wait(60):
                    return
                continue
            part, data = data[:room], data[room:]
            for each in (0, stream):
                self.credit[each] -= len(part)
            self.socket.sendall(_frame(DATA, 0, stream, part))

    def read(self, most=1 << 16):
        """Takes in what is there, `most` bytes at most; whether the connection is still open."""
        try:
            bytes_read = self.socket.recv(most, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            bytes_read = b""
        if not bytes_read:
            self.is_open = False
            return False
        self.received += len(bytes_read)
        self._feed(bytes_read)
        return True

    def wait(self, seconds):
        """Waits for something to read; whether the connection is still open."""
        select.select([self.socket], [], [], seconds)
        return self.read()

    def _feed(self, data):
        while data:
            if self._kind is None:
                need = 9 - len(self._head)
                self._head, data = self._head + data[:need], data[need:]
                if len(self._head) < 9:
                    return
                self._left = int.from_bytes(self._head[:3], "big")
                self._kind, self._flags = self._head[3], self._head[4]
                self._stream = int.from_bytes(self._head[5:], "big")
                self._head, self._body = b"", b""
            else:
                part, data = data[:self._left], data[self._left:]
                self._left -= len(part)
                if self._kind in (PING, SETTINGS, WINDOW):
                    self._body += part
            if not self._left:
                self._took(self._kind, self._flags, self._stream, self._body)
                self._kind = None

    def _took(self, kind, flags, stream, body):
        if kind == SETTINGS and not flags & 1:
            self.socket.sendall(_frame(SETTINGS, 1, 0))
            for number, value in struct.iter_unpack(">HI", body):
                if number == 4:
                    for known in self.credit:
                        self.credit[known] += value - self.initial if known else 0
                    self.initial = value
        elif kind == WINDOW:
            self.credit[stream] = self.credit.get(stream, 0) + struct.unpack(">I", body)[0]
        elif kind == PING and not flags & 1:
            self.socket.sendall(_frame(PING, 1, 0, body))
        elif kind == RESET or kind == HEADERS and flags & 1:
            self.ended += 1

    def close(self):
        """Ends it at once."""
        self.socket.close()


class SlowReaders:
    """Clients that want everything and read a kilobyte of it a second."""

    def __init__(self, address, count, rate=1000):
        self.rate, self._end = rate, threading.Event()
        self.connections = []
        for number in range(count):
            connection = Connection(address, receive_buffer=4096)
            connection.open(request("cds", node(number, "slow")), request("lds"))
            self.connections.append(connection)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while not self._end.wait(0.1):
            for connection in self.connections:
                if connection.is_open:
                    connection.read(self.rate // 10)

    def open_count(self):
        """How many the server has not given up."""
        return sum(connection.is_open for connection in self.connections)

    def close(self):
        """Ends them."""
        self._end.set()
        self._thread.join()
        for connection in self.connections:
            connection.close()


def silent(address):
    """Reads everything and acknowledges nothing."""
    connection = Connection(address)
    connection.open(request("cds", node(1, "silent")), request("lds"))
    while connection.wait(60):
        pass


def _again_and_again(address, act):
    """A connection after the other, each until the server ends its stream."""
    number = 0
    while True:
        number += 1
        connection = Connection(address)
        try:
            act(connection, number)
            while connection.ended < connection.streams and connection.wait(60):
                pass
        except OSError:
            pass
        connection.close()


def flood(address):
    """Sends requests that answer nothing, as fast as it can."""
    def act(connection, number):
        stream = connection.open(request("cds", node(1, "flood")))
        many = [request("eds", names=["n%d" % n]) for n in range(100)]
        while not connection.ended:
            for each in many:
                connection.send(stream, each)
            connection.read()
    _again_and_again(address, act)


def names(address):
    """Subscribes to a million names."""
    message = request("eds", node(1, "names"), ["name-%d" % n for n in range(1000000)])
    half = request("eds", node(1, "names"), ["name-%d" % n for n in range(200000)])
    _again_and_again(address, lambda c, number: c.open(message if number % 2 else half))


def nodes(address):
    """Describes itself in ten megabytes."""
    message = request("cds", node(1, "nodes"), padding=10_000_000)
    half = request("cds", node(1, "nodes"), padding=3_000_000)
    _again_and_again(address, lambda c, number: c.open(message if number % 2 else half))


def streams(address, count=10_000):
    """Opens ten thousand streams."""
    connection = Connection(address)
    for number in range(count):
        connection.open(request("cds", node(number, "streams")))
    while connection.wait(60):
        pass


BEHAVIOURS = {"silent": silent, "flood": flood, "names": names, "nodes": nodes, "streams": streams}

if __name__ == "__main__":
    BEHAVIOURS[sys.argv[2]](sys.argv[1])
