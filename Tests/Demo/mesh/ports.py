# SPDX-License-Identifier: Apache-2.0
"""Ports for programs that are started with a port given.

They lie below the range from which Linux takes the ports of outgoing connections: one of that range
may be gone between here and the program's bind. Each process has a block of its own, held by a
socket that ends with the process, so that test runs beside each other do not meet either.
"""
import itertools
import socket
import threading

LOWEST, SIZE, BLOCKS = 20000, 400, 30
_lock = threading.Lock()
_held = None
_next = None


def free_ports(count):
    """Ports that nothing listens on; a port comes again when the whole block was given."""
    with _lock:
        candidates = _block()
        found = []
        for _ in range(SIZE):
            if len(found) == count:
                return found
            port = next(candidates)
            if _is_free(port):
                found.append(port)
    raise RuntimeError("of %d ports less than %d are free" % (SIZE, count))


def _block():
    global _held, _next
    if _next is None:
        for number in range(BLOCKS):
            _held = socket.socket(socket.AF_UNIX)
            try:
                _held.bind("\0navarch-test-ports-%d" % number)
            except OSError:
                _held.close()
                continue
            first = LOWEST + number * SIZE
            _next = itertools.cycle(range(first, first + SIZE))
            return _next
        raise RuntimeError("all blocks of test ports are taken")
    return _next


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
