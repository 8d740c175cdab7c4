# SPDX-License-Identifier: Apache-2.0
"""A DNS server on a loopback port, whose answers can be changed while it runs."""
import socket
import struct
import threading

A, AAAA = 1, 28
NO_ERROR, SERVER_FAILURE, NO_NAME = 0, 2, 3


class NameServer:
    """Answers over UDP what `set` says, with a lifetime of one second."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.addresses, self.failing, self.asked = {}, False, 0
        self.changed = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def set(self, name, *addresses, failing=False):
        """From now on a name has these IPv4 addresses, or the server fails."""
        with self.changed:
            self.addresses[name], self.failing = addresses, failing

    def wait_for_questions(self, count, timeout=30.0):
        """Waits until so many more questions were answered."""
        with self.changed:
            wanted = self.asked + count
            if not self.changed.wait_for(lambda: self.asked >= wanted, timeout):
                raise TimeoutError("the name server is not asked")

    def _serve(self):
        while True:
            try:
                question, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            with self.changed:
                self.socket.sendto(self._answer(question), sender)
                self.asked += 1
                self.changed.notify_all()

    def _answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack("!H", question[at + 1:at + 3])[0]
        known = self.addresses.get(".".join(labels))
        code = SERVER_FAILURE if self.failing else NO_NAME if known is None else NO_ERROR
        found = known if known and kind == A and not self.failing else ()
        records = b"".join(struct.pack("!HHHIH", 0xC00C, A, 1, 1, 4) + socket.inet_aton(a)
                           for a in found)
        header = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        return header + question[12:at + 5] + records

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
