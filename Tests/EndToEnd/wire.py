# SPDX-License-Identifier: Apache-2.0
"""An xDS stream by hand over a real socket: every request is written by the test, every response kept.

Nothing is acknowledged by itself. `fence` tells what has come without any waiting for time."""
import queue
import threading

import grpc

from adsclient import METADATA, OPTIONS, PREFIX, SIDECAR, SHORT, TYPES, name_of, unpack
from google.protobuf import json_format

NAMES = dict(TYPES, vhds=PREFIX + "envoy.config.route.v3.VirtualHost")
SHORTS = dict(SHORT, **{NAMES["vhds"]: "vhds"})


class Answer:
    """One response: type, nonce, version, {name: (version, message)}, names removed, the message."""

    def __init__(self, response, delta):
        self.raw, self.short = response, SHORTS[response.type_url]
        self.nonce = response.nonce
        self.version = response.system_version_info if delta else response.version_info
        self.removed = list(response.removed_resources) if delta else []
        found = [(r.name, r.version, unpack(r.resource)) for r in response.resources] if delta else [
            (name_of(self.short, m), "", m) for m in map(unpack, response.resources)]
        self.resources = {name: (version, message) for name, version, message in found}
        assert len(self.resources) == len(found), "law 9: a name twice in %s" % self.short

    def __repr__(self):
        return "%s %s -%s" % (self.short, sorted(self.resources), self.removed)


class Wire:
    """One stream of either protocol."""

    def __init__(self, address, delta, node=SIDECAR, number=None):
        from envoy.config.core.v3 import base_pb2
        from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
        self.delta, self.messages = delta, discovery_pb2
        self.node = base_pb2.Node(id=node, cluster="test", user_agent_name="envoy")
        json_format.ParseDict(METADATA.get(node, {}), self.node.metadata)
        self.first, self.fences, self.error = True, 0, None
        self.seen, self.last, self.versions = [], {}, {}
        self.outgoing, self.incoming = queue.Queue(), queue.Queue()
        # A pool of its own: a connection of its own.
        self.channel = grpc.insecure_channel(address, OPTIONS + [
            ("grpc.use_local_subchannel_pool", 1)])
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self.channel)
        method = stub.DeltaAggregatedResources if delta else stub.StreamAggregatedResources
        self.call = method(iter(self.outgoing.get, None), wait_for_ready=True)
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        try:
            for response in self.call:
                self.incoming.put(response)
        except grpc.RpcError as error:
            self.error = error
        self.incoming.put(None)

    def ask(self, short, names=(), unsubscribe=(), nonce="", version="", error=None, having=None):
        """Sends one request."""
        if self.delta:
            request = self.messages.DeltaDiscoveryRequest(
                type_url=NAMES[short], response_nonce=nonce)
            request.resource_names_subscribe.extend(names)
            request.resource_names_unsubscribe.extend(unsubscribe)
            request.initial_resource_versions.update(having or {})
        else:
            request = self.messages.DiscoveryRequest(
                type_url=NAMES[short], response_nonce=nonce, version_info=version)
            request.resource_names.extend(names)
        if error:
            request.error_detail.code, request.error_detail.message = 13, error
        if self.first:
            request.node.CopyFrom(self.node)
            self.first = False
        self.outgoing.put(request)

    def ack(self, short, names=(), error=None):
        """Answers the last response of a type; in state of the world with the names wanted."""
        last = self.last[short]
        if not error:
            self.versions[short] = last.version
        self.ask(short, () if self.delta else names, nonce=last.nonce, error=error,
                 version=self.versions.get(short, ""))

    def take(self, short=None, timeout=30):
        """The next response, which must be of this type."""
        response = self.incoming.get(timeout=timeout)
        if response is None:
            raise AssertionError("the stream has ended: %s" % self.error)
        answer = Answer(response, self.delta)
        self.seen.append(answer)
        self.last[answer.short] = answer
        assert short in (None, answer.short), "%s came in place of %s" % (answer, short)
        return answer

    def until(self, what, condition):
        """Takes and acknowledges responses until one fits; returns all that were taken."""
        taken = []
        while True:
            answer = self.take()
            taken.append(answer)
            self.ack(answer.short, self.wanted.get(answer.short, ()))
            if condition(answer):
                return taken

    wanted = {}

    def fence(self):
        """What came before the answer to a question that is always answered."""
        self.fences += 1
        before = []
        if self.delta:
            name = "fence-%d" % self.fences
            self.ask("vhds", [name])
            while True:
                answer = self.take()
                if answer.short == "vhds" and name in answer.removed:
                    self.ack("vhds")
                    return before
                before.append(answer)
        kind = "lds" if "lds" in self.last else "cds"
        self.ask(kind)  # a client that starts over is sent everything
        while True:
            answer = self.take()
            if answer.short == kind:
                self.ack(kind)
                return before
            before.append(answer)

    def close(self):
        """Ends the stream."""
        self.outgoing.put(None)
        self.call.cancel()
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
