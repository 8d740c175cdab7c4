# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow, silent, greedy or many, over real sockets.

NAVARCH_STRESS=full takes thousands of them (`make soak`); otherwise as many as a few seconds bear."""
import concurrent.futures
import os
import signal
import threading
import time

import adsclient
import grpc
import rawads
import wire
from mesh.client import wait_until
from mesh.config import to

FULL = os.environ.get("NAVARCH_STRESS") == "full"
PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


class Raw:
    """One stream as bytes: what comes is counted, or not even read."""

    def __init__(self, address, node, requests=(), reads=True, channel=None):
        from envoy.service.discovery.v3 import discovery_pb2
        self.messages = discovery_pb2
        self.channel = channel or grpc.insecure_channel(address, adsclient.OPTIONS + [
            ("grpc.use_local_subchannel_pool", 1),
            # What is not read is not taken in beyond 64 kB.
            ("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1 << 16)])
        self.sent, self.hold = threading.Event(), threading.Event()
        self.count, self.code, self.ended_at, self.details = 0, None, None, ""
        self.changed = threading.Condition()
        call = self.channel.stream_stream(PATH + "StreamAggregatedResources",
                                          request_serializer=lambda b: b,
                                          response_deserializer=lambda b: b)
        self.call = call(self._requests(node, list(requests)), wait_for_ready=channel is None)
        if reads:
            threading.Thread(target=self._read, daemon=True).start()

    def request(self, short, node=None, names=(), nonce=""):
        """The bytes of one request."""
        request = self.messages.DiscoveryRequest(type_url=wire.NAMES[short], response_nonce=nonce)
        if node is not None:
            request.node.id = node
        request.resource_names.extend(names)
        return request

    def _requests(self, node, more):
        yield self.request("cds", node).SerializeToString()
        for request in more:
            yield request.SerializeToString()
        self.sent.set()
        self.hold.wait()

    def _read(self):
        try:
            for _ in self.call:
                with self.changed:
                    self.count += 1
                    self.changed.notify_all()
        except grpc.RpcError as error:
            with self.changed:
                self.code, self.details = error.code(), error.details()
                self.ended_at = time.monotonic()
                self.changed.notify_all()

    def answered(self):
        """Waits for a first response."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.count or self.code, 60), "no answer"
        assert not self.code, self.details

    def end(self):
        """Waits for the end, and returns its code."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.code, 60), "the stream goes on"
        return self.code

    def close(self):
        """Ends it."""
        self.hold.set()
        self.call.cancel()
        self.channel.close()


def _node(number):
    return "sidecar~10.50.%d.%d~load-%d.default~default.svc.cluster.local" % (
        number // 250, number % 250 + 1, number)


def _exceeded(daemon, limit):
    return daemon.metrics().get('navarch_xds_limits_exceeded_total{limit="%s"}' % limit, 0)


def _log(daemon):
    with open(daemon.log, errors="replace") as file:
        return file.read()


def _refused(daemon, limit, words, stream):
    """A stream ends with RESOURCE_EXHAUSTED, is counted and told of; others are served on."""
    try:
        assert stream.end() == grpc.StatusCode.RESOURCE_EXHAUSTED, (limit, stream.details)
    finally:
        stream.close()
    wait_until("a count of " + limit, lambda: _exceeded(daemon, limit) >= 1, 30)
    wait_until("a line about " + limit, lambda: words in _log(daemon), 30)


def test_greedy_clients_are_bounded_and_named(start):
    """Too many names, too large nodes and messages, floods and too many streams: ended, counted, told"""
    from envoy.service.discovery.v3 import discovery_pb2
    def ask(short, names=(), padding=0, nonce=""):
        request = discovery_pb2.DiscoveryRequest(type_url=wire.NAMES[short], response_nonce=nonce)
        request.resource_names.extend(names)
        if padding:
            request.node.id = _node(1)
            request.node.cluster = "x" * padding
        return request
    with start(environment={"NAVARCH_STREAMS_PER_PROXY": "5"}) as daemon:
        address = daemon.ads
        _refused(daemon, "names", "names; at most 100000", Raw(address, _node(1), [
            ask("rds", ["n%d" % n for n in range(100001)])]))
        _refused(daemon, "message_size", "is too long", Raw(address, _node(2), [
            ask("rds", ["x" * 10_000_000])]))
        _refused(daemon, "node_size", "The node has", Raw(address, _node(3), [
            ask("cds", padding=2_000_000)]))
        _refused(daemon, "request_rate", "requests a second that answer", Raw(
            address, _node(4), [ask("eds", ["n%d" % n]) for n in range(20000)]))
        streams = []
        try:
            for _ in range(5):
                streams.append(Raw(address, _node(5)))
                streams[-1].answered()
            _refused(daemon, "streams", "has 5 streams", Raw(address, _node(5)))
        finally:
            for stream in streams:
                stream.close()
        if FULL:
            _one_connection(daemon)
        with adsclient.Client(address) as honest:
            honest.start().wait("full answer", adsclient.Client.complete)


def _one_connection(daemon):
    """A connection has at most a thousand streams."""
    channel = grpc.insecure_channel(daemon.ads, adsclient.OPTIONS + [
        ("grpc.use_local_subchannel_pool", 1)])
    before = _exceeded(daemon, "streams")
    streams = [Raw(daemon.ads, _node(1000 + n), channel=channel) for n in range(1010)]
    wait_until("refusals", lambda: _exceeded(daemon, "streams") - before == 10, 120)
    for stream in streams:
        stream.close()


def _follows(daemon, client, subset):
    daemon.config.virtual_service("reviews", [{"route": [to("reviews", subset)]}])
    cluster = "outbound|9080|%s|reviews.default.svc.cluster.local" % subset
    client.wait("the route to " + subset, lambda c: cluster in str(c.resources["rds"].get("9080")))


def _resident(daemon):
    return daemon.metrics()["process_resident_memory_bytes"]


def _large(daemon, services):
    """Services enough that a client's clusters are more than any socket takes in unread."""
    document, documents = daemon.config.get("Service", "details"), []
    for number in range(services):
        name = "many-%d-%s" % (number, "x" * 40)
        documents.append({**document, "metadata": {**document["metadata"], "name": name}, "spec": {
            **document["spec"], "clusterIP": "10.97.%d.%d" % (number // 250, number % 250 + 1),
            "clusterIPs": []}})
    import yaml
    daemon.config.write_text(os.path.join(daemon.config.folder, "many.yaml"),
                             yaml.dump_all(documents, Dumper=yaml.CSafeDumper))


def test_who_does_not_read_holds_nobody_up(start):
    """Clients that do not read keep nobody waiting, cost bounded memory, and are ended and named"""
    stuck_count, edits = (200, 100) if FULL else (4, 12)
    with start(environment={"PILOT_XDS_SEND_TIMEOUT": "4s"}) as daemon:
        _large(daemon, 2000)
        with adsclient.Client(daemon.ads, delta=True) as client:
            client.start().wait("full answer", lambda c: (
                len(c.resources["cds"]) > 2000 and c.complete()), 60)
            stuck = [Raw(daemon.ads, _node(n), reads=False) for n in range(stuck_count)]
            try:
                wait_until("streams that are stuck", lambda: len(
                    daemon.json("/debug/connections")["clients"]) == stuck_count + 1, 60)
                _follows(daemon, client, "v1")
                before = _resident(daemon)
                for edit in range(edits):
                    _follows(daemon, client, "v%d" % (edit % 2 + 2))
                grown = _resident(daemon) - before
                assert grown < 100e6, "%d MB more for streams that do not read" % (grown / 1e6)
                wait_until("the end of those streams", lambda: (
                    daemon.metrics().get("pilot_xds_write_timeout", 0) >= stuck_count), 60)
                wait_until("a line about each", lambda: (
                    _log(daemon).count("has not read a response") >= stuck_count), 30)
                _follows(daemon, client, "v1")
                assert not client.ended
            finally:
                for stream in stuck:
                    stream.close()


def test_who_asks_nothing_is_ended_and_named(start):
    """A stream without a first request ends in time; who has asked may be silent afterwards"""
    with start(environment={"NAVARCH_FIRST_REQUEST_TIMEOUT": "3s"}) as daemon:
        with adsclient.Client(daemon.ads) as honest:
            honest.start().wait("full answer", adsclient.Client.complete)
            silent = rawads.Connection(daemon.ads)
            silent.open()
            try:
                wait_until("its end", lambda: silent.wait(1) and silent.ended, 60)
                assert _exceeded(daemon, "first_request") == 1
                wait_until("a line about it", lambda: "has not sent a request" in _log(daemon), 30)
                assert not honest.ended
            finally:
                silent.close()


def test_questions_of_tools_are_bounded(start):
    """Who floods the control plane with istio.io/debug questions is ended and named"""
    from envoy.service.discovery.v3 import discovery_pb2
    question = discovery_pb2.DiscoveryRequest(type_url="istio.io/debug/syncz")
    with start(environment={"ENABLE_DEBUG_ENDPOINT_AUTH": "false"}) as daemon:
        _refused(daemon, "request_rate", "requests a second that answer", Raw(
            daemon.ads, _node(1), [question] * 1000))


def test_who_answers_nothing_is_served_and_named(start):
    """A client that acknowledges nothing is served the newest all the same, and told of"""
    with start() as daemon, wire.Wire(daemon.ads, True) as w:
        w.ask("cds")
        w.take("cds")
        for edit in range(10):
            daemon.config.destination_rule("details", {"host": "details", "trafficPolicy": {
                "connectionPool": {"tcp": {"connectTimeout": "%ds" % (edit + 20)}}}})
            w.take("cds")
        wait_until("a line about it", lambda: "responses without an answer" in _log(daemon), 30)
        states = daemon.json("/debug/syncz")[0]["resources"][wire.NAMES["cds"]]
        assert states["status"] == "WARMING" and not states.get("acked"), states


def test_many_come_at_once_and_end_one_by_one(start):
    """Clients that come at once are all answered; at SIGTERM they end one by one with UNAVAILABLE"""
    count = 500 if FULL else 40
    with start(arguments=["--shutdownDuration", "10s"]) as daemon:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            streams = list(pool.map(lambda n: Raw(daemon.ads, _node(n)), range(count)))
        try:
            for stream in streams:
                stream.answered()
            daemon.child.signal(signal.SIGTERM)
            codes = {stream.end() for stream in streams}
            assert codes == {grpc.StatusCode.UNAVAILABLE}, codes
            ends = sorted(stream.ended_at for stream in streams)
            # 50 ms between two, at most 8 s in all: a machine that is slow only spreads them more.
            assert ends[-1] - ends[0] > 1, "all end at once, within %.3f s" % (ends[-1] - ends[0])
            assert daemon.child.process.wait(30) == 0
        finally:
            for stream in streams:
                stream.close()


def test_connections_of_an_age_are_sent_elsewhere(start):
    """At keepaliveMaxServerConnectionAge connections end, not all at once, and come back"""
    with start(arguments=["--keepaliveMaxServerConnectionAge", "1s"]) as daemon:
        streams = [Raw(daemon.ads, _node(n)) for n in range(8)]
        try:
            for stream in streams:
                stream.answered()
            codes = {stream.end() for stream in streams}
            assert codes == {grpc.StatusCode.UNAVAILABLE}, codes
            again = Raw(daemon.ads, _node(0), channel=streams[0].channel)
            again.answered()
            again.close()
        finally:
            for stream in streams:
                stream.close()
