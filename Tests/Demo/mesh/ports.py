# SPDX-License-Identifier: Apache-2.0
"""Ports for programs that are started with a port given."""
import random
import socket
import threading

# Below the range from which Linux takes the ports of outgoing connections: a port of that range may
# be gone between here and the program's bind.
LOWEST, HIGHEST = 20000, 32000
_given = set()
_lock = threading.Lock()


def free_ports(count):
    """Ports that nothing listens on, and that this process was not given before."""
    found = []
    with _lock:
        while len(found) < count:
            port = random.randint(LOWEST, HIGHEST)
            if port not in _given and _free(port):
                found.append(port)
                _given.add(port)
        if len(_given) > (HIGHEST - LOWEST) // 2:
            _given.clear()
    return found


def _free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
