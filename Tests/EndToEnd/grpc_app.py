#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC application without a proxy: grpcio asks the control plane itself where its calls go.

  GRPC_XDS_BOOTSTRAP_CONFIG=JSON grpc_app.py call xds:///HOST:PORT
  GRPC_XDS_BOOTSTRAP_CONFIG=JSON grpc_app.py serve ADDRESS:PORT NAME

`call` reads a line of metadata (KEY=VALUE ...) for each call, and prints what was answered, or the
status. `serve` prints "serving" when it takes calls, and answers them with its name.
"""
import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Demo"))
from mesh import paths

if __name__ == "__main__":
    paths.with_yaml(__file__)
import grpc
import grpc.experimental

SERVICE, METHOD = "navarch.test.Echo", "Say"


def call(target):
    """One call for each line of standard input."""
    credentials = grpc.xds_channel_credentials(grpc.experimental.insecure_channel_credentials())
    with grpc.secure_channel(target, credentials) as channel:
        say = channel.unary_unary("/%s/%s" % (SERVICE, METHOD))
        for line in sys.stdin:
            metadata = [tuple(pair.split("=", 1)) for pair in line.split()]
            try:
                answer = say(b"", metadata=metadata, timeout=10).decode()
            except grpc.RpcError as error:
                answer = "%s %s" % (error.code().name, error.details())
            print(answer, flush=True)


def serve(address, name):
    """Answers calls until standard input ends."""
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: name.encode())
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), xds=True, handlers=[
        grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
    server.add_secure_port(address, grpc.xds_server_credentials(grpc.insecure_server_credentials()))
    server.start()
    print("serving", flush=True)
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    {"call": call, "serve": serve}[sys.argv[1]](*sys.argv[2:])
