# SPDX-License-Identifier: Apache-2.0
"""One request's answer on its way out, whatever the protocol below, with the faults on that way."""
import threading
import zlib

from . import faults

#: Answers longer than this are compressed for clients that accept it, as a real server does.
COMPRESSED_ABOVE = 128 * 1024


class Cut(Exception):
    """The connection ends here."""


class Exchange:
    """The answer to one request.

    `wire` has begin(code, headers, length or None), write(bytes), end(), cut() and gone.
    """

    def __init__(self, request, wire):
        self.request, self.wire = request, wire
        self.rules = []
        self.begun = False
        self.duplicates = False
        self.left = None       #: bytes until the cut
        self.frames = None     #: whole frames until the cut
        self.trickle = None
        self.woken = threading.Event()

    @property
    def gone(self):
        """Whether the client is away."""
        return self.wire.gone

    def meet(self, rules):
        """Takes faults upon itself; one that is an error is raised."""
        for rule in rules:
            if "delay" in rule:
                self.woken.wait(rule["delay"])
            self.duplicates |= bool(rule.get("duplicate"))
            self.trickle = rule.get("slow", self.trickle)
            if rule.get("cut") == "frame":
                self.frames = rule.get("cutAfter", 0)
            elif "cut" in rule:
                self.left = rule["cut"]
        for rule in rules:
            if "status" in rule and "body" in rule:
                self.answer(rule["status"], rule["body"].encode(), "text/plain")
                raise Cut
            if "status" in rule:
                raise faults.error_of(rule)

    def answer(self, code, body, media_type="application/json", headers=None):
        """A whole answer."""
        headers = dict(headers or {}, **{"Content-Type": media_type})
        if len(body) > COMPRESSED_ABOVE and "gzip" in self.request.headers.get(
                "accept-encoding", ""):
            packer = zlib.compressobj(1, wbits=31)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] = "Accept-Encoding"
        self.begun = True
        self.wire.begin(code, headers, len(body))
        if self.frames is not None:
            self.left, self.frames = len(body) // 2, None
        self.write(body)
        self.wire.end()

    def begin(self, code, headers):
        """The head of an answer whose length nobody knows yet."""
        self.begun = True
        self.wire.begin(code, headers, None)

    def write(self, data):
        """A part of the body; of a watch, one frame."""
        if self.frames is not None:
            if self.frames == 0:
                self._out(data[:len(data) // 2])
                raise Cut
            self.frames -= 1
        if self.left is not None and len(data) >= self.left:
            self._out(data[:self.left])
            raise Cut
        if self.left is not None:
            self.left -= len(data)
        self._out(data)

    def _out(self, data):
        if not self.trickle:
            self.wire.write(data)
            return
        size, seconds = self.trickle
        for start in range(0, len(data), size):
            self.wire.write(data[start:start + size])
            self.woken.wait(seconds)

    def end(self):
        """The body is whole."""
        self.wire.end()
