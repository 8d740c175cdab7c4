# SPDX-License-Identifier: Apache-2.0
"""Several networks, whose gateways have names."""
import os
import tempfile

import adsclient
from nameserver import NameServer

GATEWAY = "east-gateway.example.com"
CLUSTER = "outbound|80||remote.test"
NETWORKS = """
networks:
  east:
    endpoints: [{fromRegistry: other}]
    gateways: [{address: %s, port: 15443}]
""" % GATEWAY
REMOTE = {
    "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
    "metadata": {"name": "remote", "namespace": "default"},
    "spec": {"hosts": ["remote.test"], "resolution": "STATIC", "location": "MESH_INTERNAL",
             "ports": [{"number": 80, "name": "http"}],
             "endpoints": [{"address": "10.9.9.9", "network": "east",
                            "labels": {"security.istio.io/tlsMode": "istio"}}]}}


def _is_at(address):
    return lambda client: address in str(client.resources["eds"].get(CLUSTER, ""))


def test_gateway_names(start):
    """A network is reached at the addresses that DNS gives its gateway's name, as they change"""
    metadata = dict(adsclient.METADATA[adsclient.SIDECAR], NETWORK="west")
    with NameServer() as names, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "networks")
        with open(path, "w") as file:
            file.write(NETWORKS)
        names.set(GATEWAY, "192.0.2.1")
        with start(arguments=["--networksConfig", path], environment={
                "NAVARCH_NAMESERVERS": names.address, "NAVARCH_NAME_MIN_TTL": "300ms"}) as daemon:
            daemon.config.put(REMOTE)
            with adsclient.Client(daemon.ads, metadata=metadata) as whole, \
                    adsclient.Client(daemon.ads, metadata=metadata, delta=True) as delta:
                _follow(names, whole, delta)


def _follow(names, *clients):
    for client in clients:
        client.start().wait("the gateway's address", _is_at("192.0.2.1"))
        client.wait("full answer", adsclient.Client.complete)
        assert "10.9.9.9" not in str(client.resources["eds"][CLUSTER]), "not through the gateway"
    names.wait_for_questions(4)  # answered anew, and the same
    before = [dict(client.responses) for client in clients]
    names.set(GATEWAY, "192.0.2.2")
    for client in clients:
        client.wait("the new address", _is_at("192.0.2.2"))
    names.set(GATEWAY, failing=True)
    names.wait_for_questions(4)
    for client, had in zip(clients, before):
        assert _is_at("192.0.2.2")(client), "what DNS cannot tell any more is gone"
        sent = {short: client.responses[short] - had[short] for short in had}
        wanted = {short: int(short == "eds") for short in had}
        assert sent == wanted, "one push of endpoints was to come, and came: %s" % sent
