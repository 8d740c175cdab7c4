# SPDX-License-Identifier: Apache-2.0
"""Simulated proxies: delta ADS streams that subscribe as Envoy does and acknowledge at once."""
import queue
import threading
import time

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2)
from envoy.service.discovery.v3 import discovery_pb2

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
URL = "type.googleapis.com/envoy."
CDS, EDS = URL + "config.cluster.v3.Cluster", URL + "config.endpoint.v3.ClusterLoadAssignment"
LDS, RDS = URL + "config.listener.v3.Listener", URL + "config.route.v3.RouteConfiguration"


class Proxy:
    """One stream. `acked(type)` counts responses; `quiet_since` says when the last one came."""

    def __init__(self, channel, number):
        self.number, self.bytes, self.resources = number, 0, 0
        self.last, self.responses = time.monotonic(), {}
        self.requests = queue.SimpleQueue()
        self.names = set()
        namespace = "ns-%d" % (number % 20)
        ip = "12.%d.%d.%d" % (number >> 16 & 255, number >> 8 & 255, number & 255)
        node = base_pb2.Node(id="sidecar~%s~proxy-%d.%s~%s.svc.cluster.local" % (
            ip, number, namespace, namespace))
        node.metadata.update({"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes",
                              "ISTIO_VERSION": "1.30.3"})
        self.send(type_url=CDS, node=node)
        self.send(type_url=LDS)
        self.call = channel.stream_stream(
            METHOD, request_serializer=discovery_pb2.DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=lambda data: data)(iter(self.requests.get, None))
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def send(self, **fields):
        self.requests.put(discovery_pb2.DeltaDiscoveryRequest(**fields))

    def read(self):
        try:
            for data in self.call:
                self.handle(data)
        except grpc.RpcError:
            pass

    def handle(self, data):
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
        self.bytes += len(data)
        self.resources += len(response.resources)
        self.send(type_url=response.type_url, response_nonce=response.nonce)
        names = [resource.name for resource in response.resources]
        if response.type_url == CDS:
            self.subscribe(EDS, [name for name in names if name.startswith("outbound|")])
        elif response.type_url == LDS:
            self.subscribe(RDS, [name for r in response.resources for name in routes(r.resource)])
        self.responses[response.type_url] = self.responses.get(response.type_url, 0) + 1
        self.last = time.monotonic()

    def subscribe(self, type_url, names):
        new = [name for name in names if (type_url, name) not in self.names]
        self.names.update((type_url, name) for name in new)
        if new:
            self.send(type_url=type_url, resource_names_subscribe=new)

    @property
    def synced(self):
        return all(t in self.responses for t in (CDS, EDS, LDS, RDS))

    def close(self):
        self.requests.put(None)
        self.call.cancel()


def routes(resource):
    """The route configurations that a packed listener asks for."""
    listener = listener_pb2.Listener()
    if not resource.Unpack(listener):
        return
    chains = list(listener.filter_chains) + [listener.default_filter_chain]
    for chain in chains:
        for entry in chain.filters:
            manager = http_connection_manager_pb2.HttpConnectionManager()
            if entry.typed_config.Unpack(manager) and manager.HasField("rds"):
                yield manager.rds.route_config_name
