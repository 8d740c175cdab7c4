#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An xDS client over grpcio: aggregated discovery, state of the world or delta.

  adsclient.py --addr 127.0.0.1:15010 [--delta] [--node ID] [--metadata JSON]
               [--types cds,eds,lds,rds] [--names TYPE=NAME,...] [--nack TYPE] [--seconds N]

Subscribes as an Envoy does (EDS for the clusters, RDS for what listeners name), acknowledges, and
prints {type: {name: resource}} as JSON. As a library: Client.
"""
import argparse
import importlib
import json
import os
import pkgutil
import queue
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Demo"))
from mesh import paths

if __name__ == "__main__":
    paths.with_yaml(__file__)
import grpc
from google.protobuf import descriptor_pool, json_format, message_factory

PREFIX = "type.googleapis.com/"
TYPES = {
    "cds": PREFIX + "envoy.config.cluster.v3.Cluster",
    "eds": PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "lds": PREFIX + "envoy.config.listener.v3.Listener",
    "rds": PREFIX + "envoy.config.route.v3.RouteConfiguration",
    "ecds": PREFIX + "envoy.config.core.v3.TypedExtensionConfig",
    "sds": PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret",
}
SHORT = {url: short for short, url in TYPES.items()}
SIDECAR = "sidecar~10.244.1.11~productpage-v1.default~default.svc.cluster.local"
GATEWAY = "router~10.244.1.20~istio-ingressgateway.istio-system~istio-system.svc.cluster.local"
METADATA = {
    SIDECAR: {"NAMESPACE": "default", "CLUSTER_ID": "Kubernetes", "INTERCEPTION_MODE": "REDIRECT",
              "LABELS": {"app": "productpage", "version": "v1"}},
    GATEWAY: {"NAMESPACE": "istio-system", "CLUSTER_ID": "Kubernetes",
              "LABELS": {"app": "istio-ingressgateway", "istio": "ingressgateway"}},
}


class _Imports:
    """Loads the generated modules of whatever type an Any names."""

    def __init__(self):
        self.tried = set()
        self.lock = threading.Lock()  # streams are read by threads of their own

    def message_class(self, name):
        """The class of a message by its full name."""
        with self.lock:
            try:
                return message_factory.GetMessageClass(
                    descriptor_pool.Default().FindMessageTypeByName(name))
            except KeyError:
                self.load(name)
            return message_factory.GetMessageClass(
                descriptor_pool.Default().FindMessageTypeByName(name))

    def load(self, name):
        """Imports every module of the message's package, nested names included."""
        parts = name.split(".")
        for length in range(len(parts) - 1, 1, -1):
            package = ".".join(parts[:length])
            if package in self.tried:
                continue
            self.tried.add(package)
            try:
                module = importlib.import_module(package)
            except ImportError:
                continue
            for entry in pkgutil.iter_modules(module.__path__):
                if entry.name.endswith("_pb2"):
                    importlib.import_module(package + "." + entry.name)


_imports = _Imports()


def unpack(any_message):
    """The message in an Any, with the types inside it made known."""
    message = _imports.message_class(any_message.type_url.rsplit("/", 1)[-1])()
    message.ParseFromString(any_message.value)
    return message


def to_json(message):
    """A message as protobuf JSON with proto field names, as a dict."""
    while True:
        try:
            return json_format.MessageToDict(message, preserving_proto_field_name=True)
        except (TypeError, KeyError, json_format.Error) as error:
            _learn(message, error)


def _learn(message, error, seen=set()):
    """Makes the types of all Anys in a message known; gives up where that changed nothing."""
    names = set()
    _collect(message, names)
    if names <= seen:
        raise error
    for name in names:
        seen.add(name)
        _imports.message_class(name)


def _collect(message, names):
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        if message.type_url:
            names.add(message.type_url.rsplit("/", 1)[-1])
            _collect(unpack(message), names)
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for entry in value.values():
                    _collect(entry, names)
        elif hasattr(value, "DESCRIPTOR"):
            _collect(value, names)
        else:
            for entry in value:
                _collect(entry, names)


def name_of(short, message):
    """The resource name of a message."""
    return message.cluster_name if short == "eds" else message.name


OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]


def secure_channel(address, roots, certificate=None, token=None):
    """A channel by TLS to the control plane's own name; certificate: paths of it and its key."""
    texts = [open(path, "rb").read() for path in [roots, *reversed(certificate or ())]]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*texts), OPTIONS + [
        ("grpc.ssl_target_name_override", "istiod.istio-system.svc")])


def bearer(token):
    """The metadata of a call with a token; none where there is none."""
    return None if token is None else [("authorization", "Bearer " + token)]


class Client:
    """One ADS stream. Responses are taken in by a thread; `wait` looks at what has come.

    With `roots` it is by TLS, and `certificate` or `token` prove who it is; `headers` are further ones."""

    def __init__(self, address, node=SIDECAR, metadata=None, delta=False, versions=None, headers=(),
                 **proof):
        from envoy.config.core.v3 import base_pb2
        from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
        self.messages, self.delta = discovery_pb2, delta
        self.node = base_pb2.Node(id=node, cluster="test", user_agent_name="envoy")
        json_format.ParseDict(METADATA.get(node, {}) if metadata is None else metadata,
                              self.node.metadata)
        self.initial_versions = versions or {}  # type -> {name: version}, for a delta stream
        self.resources = {short: {} for short in TYPES}  # type -> name -> message
        self.versions = {short: {} for short in TYPES}
        self.responses = {short: 0 for short in TYPES}
        self.names = {}      # type -> names asked for; empty: all
        self.refuse = {}     # type -> message: NACK the next response of the type
        self.follows = True  # subscribe to what clusters and listeners name
        self.error = None
        self.ended = False
        self.changed = threading.Condition()
        self.outgoing = queue.Queue()
        self.first = True
        self.channel = secure_channel(address, **proof) if proof else grpc.insecure_channel(
            address, OPTIONS)
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self.channel)
        method = stub.DeltaAggregatedResources if delta else stub.StreamAggregatedResources
        self.call = method(iter(self.outgoing.get, None), wait_for_ready=not proof,
                           metadata=[*(bearer(proof.get("token")) or ()), *headers])
        threading.Thread(target=self._receive, daemon=True).start()

    # Asking.
    def subscribe(self, short, names=()):
        """Asks for these names, or for all (wildcard) where none are given."""
        with self.changed:
            names = sorted(set(names))
            before = self.names.get(short)
            if before == names:
                return
            self.names[short] = names
            for gone in set(before or []) - set(names):
                self.resources[short].pop(gone, None)
            if self.delta:
                self._send(self._delta_request(short, names, before))
            else:
                self._send(self._request(short))

    def _delta_request(self, short, names, before):
        request = self.messages.DeltaDiscoveryRequest(type_url=TYPES[short])
        request.resource_names_subscribe.extend(sorted(set(names) - set(before or [])))
        request.resource_names_unsubscribe.extend(sorted(set(before or []) - set(names)))
        if before is None:
            request.initial_resource_versions.update(self.initial_versions.get(short, {}))
        return request

    def _request(self, short, nonce=None, error=None):
        request = self.messages.DiscoveryRequest(
            type_url=TYPES[short], response_nonce=nonce or getattr(self, "nonce_" + short, ""),
            version_info=getattr(self, "version_" + short, ""))
        request.resource_names.extend(self.names[short])
        if error:
            request.error_detail.code, request.error_detail.message = 13, error
        return request

    def _send(self, request):
        if self.first:
            request.node.CopyFrom(self.node)
            self.first = False
        self.outgoing.put(request)

    # Taking in.
    def _receive(self):
        try:
            for response in self.call:
                with self.changed:
                    self._take(response)
                    self.changed.notify_all()
        except grpc.RpcError as error:
            self.error = error
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _take(self, response):
        short = SHORT[response.type_url]
        if short in self.refuse:
            return self._acknowledge(short, response, self.refuse.pop(short))
        held = self.resources[short]
        got = {}
        for entry in response.resources:
            message = unpack(entry.resource if self.delta else entry)
            got[entry.name if self.delta else name_of(short, message)] = message
            if self.delta:
                self.versions[short][entry.name] = entry.version
        if self.delta:
            for name in response.removed_resources:
                held.pop(name, None)
                self.versions[short].pop(name, None)
        elif short in ("cds", "lds"):  # the whole state: what is not there is gone
            held.clear()
        held.update(got)
        self.responses[short] += 1
        self._acknowledge(short, response, None)
        if self.follows:
            self._follow(short)

    def _acknowledge(self, short, response, refusal):
        if self.delta:
            request = self.messages.DeltaDiscoveryRequest(
                type_url=response.type_url, response_nonce=response.nonce)
            if refusal:
                request.error_detail.code, request.error_detail.message = 13, refusal
            return self._send(request)
        setattr(self, "nonce_" + short, response.nonce)
        if not refusal:
            setattr(self, "version_" + short, response.version_info)
        self._send(self._request(short, response.nonce, refusal))

    def _follow(self, short):
        """Asks for the endpoints of clusters and for the routes of listeners."""
        if short == "cds":
            names = [c.eds_cluster_config.service_name or c.name
                     for c in self.resources["cds"].values() if c.type == c.EDS]
            if names or "eds" in self.names:
                self.subscribe("eds", names)
        if short == "lds":
            names = sorted(_route_names(to_json(m) for m in self.resources["lds"].values()))
            if names or "rds" in self.names:
                self.subscribe("rds", names)

    # Looking.
    def start(self):
        """Asks as an Envoy does at its start."""
        self.subscribe("cds")
        self.subscribe("lds")
        return self

    def wait(self, what, condition, timeout=30.0):
        """Waits until condition(self) holds, and returns its value."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                value = condition(self)
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0 or self.ended:
                    why = ": %s" % self.error if self.ended else ""
                    raise TimeoutError("no %s%s" % (what, why))
                self.changed.wait(left)

    def complete(self):
        """Whether all that was asked for by name has come, and each type was answered."""
        for short, names in self.names.items():
            if not self.responses[short] or set(names) - set(self.resources[short]):
                return False
        return {"cds", "lds"} <= set(self.names)

    def json(self):
        """{type: {name: resource}} of what is held."""
        with self.changed:
            return {short: {name: to_json(m) for name, m in sorted(self.resources[short].items())}
                    for short in self.names}

    def close(self):
        """Ends the stream."""
        self.outgoing.put(None)
        self.call.cancel()
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _route_names(values):
    for value in values:
        if isinstance(value, dict):
            if isinstance(value.get("rds"), dict):
                yield value["rds"]["route_config_name"]
            yield from _route_names(value.values())
        elif isinstance(value, list):
            yield from _route_names(value)


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--addr", default="127.0.0.1:15010")
    p.add_argument("--node", default=SIDECAR, help="node id; 'gateway' for the sample's gateway")
    p.add_argument("--metadata", type=json.loads)
    p.add_argument("--delta", action="store_true")
    p.add_argument("--types", help="only these types, all of each (default: as an Envoy)")
    p.add_argument("--names", action="append", default=[], metavar="TYPE=NAME,...")
    p.add_argument("--nack", metavar="TYPE", help="refuse the first response of this type")
    p.add_argument("--seconds", type=float, default=15, help="how long to wait for all of it")
    o = p.parse_args()
    node = GATEWAY if o.node == "gateway" else o.node
    with Client(o.addr, node, o.metadata, o.delta) as client:
        if o.nack:
            client.refuse[o.nack] = "refused by adsclient.py"
        wanted = {t: [] for t in o.types.split(",")} if o.types else {}
        wanted.update((n.split("=")[0], n.split("=")[1].split(",")) for n in o.names)
        client.follows = not wanted
        for short, names in wanted.items():
            client.subscribe(short, names)
        status = 0
        try:
            if wanted:
                client.wait("answer", lambda c: all(c.responses[t] for t in wanted), o.seconds)
            else:
                client.start().wait("full answer", Client.complete, o.seconds)
        except TimeoutError as error:
            print("adsclient.py: %s" % error, file=sys.stderr)
            status = 1
        json.dump(client.json(), sys.stdout, indent=1, sort_keys=True)
        print()
    return status


if __name__ == "__main__":
    sys.exit(main())
