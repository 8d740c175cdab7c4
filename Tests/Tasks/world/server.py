# SPDX-License-Identifier: Apache-2.0
"""The workloads and the outside world: one program that answers at every address.

  server.py --certificate FILE --key FILE PORT...

An answer is JSON and says at which address and port, and how, it was asked. HTTP: /status/N is
answered with N, /delay/N after N seconds, x-world-delay-ms waits as long. What is not HTTP gets a
line of the same JSON. TLS is spoken to who begins with it.
"""
import argparse
import json
import re
import socket
import ssl
import threading
import time


def lines(stream):
    """The lines of a request's head; the first one alone where it is not HTTP."""
    first = stream.readline(65536).decode(errors="replace").rstrip("\r\n")
    if not re.search(r" HTTP/1\.[01]$", first):
        return [first]
    head = [first]
    while len(head) < 200:
        line = stream.readline(65536).decode(errors="replace").rstrip("\r\n")
        if not line:
            return head
        head.append(line)
    return head


def respond(connection, seen):
    """Answers one request; false where the connection is at its end."""
    stream = connection.makefile("rb")
    while True:
        head = lines(stream)
        if not head[0]:
            return
        if len(head) == 1 and " HTTP/" not in head[0]:
            connection.sendall((json.dumps(seen) + "\n").encode())
            return
        method, path, _ = head[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:])}
        stream.read(int(headers.get("content-length", "0")))
        status = int((re.match(r"/status/(\d+)", path) or [0, 200])[1])
        time.sleep(float((re.match(r"/delay/(\d+)", path) or [0, 0])[1]))
        time.sleep(float(headers.get("x-world-delay-ms", 0)) / 1000)
        body = json.dumps(dict(seen, method=method, path=path, headers=headers)).encode() + b"\n"
        reply = "HTTP/1.1 %d Answer\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        connection.sendall((reply % (status, len(body))).encode() + body)


def serve(connection, context):
    """One connection, to its end."""
    try:
        with connection:
            connection.settimeout(60)
            address, port = connection.getsockname()[:2]
            seen = {"address": address, "port": port, "tls": False}
            if connection.recv(1, socket.MSG_PEEK) == b"\x16":
                connection = context.wrap_socket(connection, server_side=True)
                seen.update(tls=True, sni=connection.asked, client=bool(connection.getpeercert()))
            with connection:
                respond(connection, seen)
    except (OSError, ValueError):
        pass


class Asked(ssl.SSLSocket):
    """A connection that remembers which name it was asked for."""

    asked = None


def listen(port, context):
    """Accepts at one port of every address, for ever."""
    listener = socket.create_server(("0.0.0.0", port), backlog=256)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, context), daemon=True).start()


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--certificate", required=True)
    p.add_argument("--key", required=True)
    p.add_argument("port", type=int, nargs="+")
    o = p.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(o.certificate, o.key)
    context.load_verify_locations(o.certificate)
    context.sslsocket_class = Asked
    context.set_alpn_protocols(["http/1.1"])

    def remember(connection, name, _):
        connection.asked = name
    context.sni_callback = remember
    threads = [threading.Thread(target=listen, args=(port, context)) for port in o.port]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
